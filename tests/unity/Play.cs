// Plays a script that tests/test_examples.py types into it, line by line, with the component or the
// OSC class alone, and prints what happens. `wait NAME VALUE` waits until a field has a value.

using System;
using System.Globalization;
using System.Reflection;
using System.Text;
using System.Threading;
using UnityEngine;

static class Play
{
    static readonly SpoutBridge Bridge = new SpoutBridge();
    static readonly RenderTexture Received = new RenderTexture(), Output = new RenderTexture();
    static readonly Texture Source = new Texture();

    static int Main(string[] arguments)
    {
        Console.OutputEncoding = Console.InputEncoding = new UTF8Encoding(false);
        CultureInfo.DefaultThreadCurrentCulture = CultureInfo.InvariantCulture;
        Thread.CurrentThread.CurrentCulture = CultureInfo.InvariantCulture;
        Bridge.port = int.Parse(arguments[0]);
        Bridge.sendAtStart = arguments.Length > 1;
        Bridge.source = Source;
        Bridge.output = Output;
        Bridge.screen = new Renderer();
        Bridge.Receiver.receivedTexture = Received;
        Bridge.OnState += (name, value) => { if (name == "pipeline") Say("state " + name + " " + value); };
        Bridge.OnValue += (address, value) => Say("value " + address + " " + value);
        Call("OnEnable");
        string line;
        while ((line = Console.ReadLine()) != null)
        {
            var words = line.Split(new[] { ' ' }, 3);
            if (words[0] == "set") Set(words[1], words[2]);
            else if (words[0] == "send") Bridge.SetValue(words[1], float.Parse(words[2]));
            else if (words[0] == "act") Bridge.Act(words[1]);
            else if (words[0] == "play") Spin(int.Parse(words[1]));
            else if (words[0] == "wait" && !Wait(words[1], words[2])) return 1;
            Call("Update");
            Say("done " + line);
        }
        Call("OnDisable");
        return 0;
    }

    static void Set(string name, string text)
    {
        var field = typeof(SpoutBridge).GetField(name);
        field.SetValue(Bridge, Convert.ChangeType(text, field.FieldType));
    }

    static void Spin(int frames)
    {
        for (var frame = 0; frame < frames; frame++)
        {
            Call("Update");
            Thread.Sleep(16);
        }
    }

    static bool Wait(string name, string wanted)
    {
        for (var step = 0; step < 1000; step++)
        {
            Call("Update");
            var now = name == "shown" ? Shown() : typeof(SpoutBridge).GetField(name).GetValue(Bridge).ToString();
            if (now == wanted) return true;
            Thread.Sleep(16);
        }
        Say("it did not come: " + name + " " + wanted);
        return false;
    }

    /// Which picture is shown, the same one at all three places.
    static string Shown()
    {
        if (Output.Shown != Bridge.Picture || Bridge.screen.material.mainTexture != Bridge.Picture) return "mixed";
        return Bridge.Picture == Source ? "source" : Bridge.Picture == Received ? "received" : "nothing";
    }

    static void Call(string method)
    {
        typeof(SpoutBridge).GetMethod(method, BindingFlags.Instance | BindingFlags.NonPublic).Invoke(Bridge, null);
    }

    static void Say(string line)
    {
        Console.WriteLine(line);
        Console.Out.Flush();
    }
}
