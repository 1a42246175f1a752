// spout-bridge in Unity: one file. Needs KlakSpout (jp.keijiro.klak.spout), Windows, Unity 2022.3 or later.
// examples/README.md has the steps. MIT, like the rest of spout-bridge.
//
// The class SpoutBridgeOsc below does not need Unity: use it in any C# program.

using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using System.Threading;

#if UNITY_5_3_OR_NEWER
using Klak.Spout;
using UnityEngine;

/// <summary>
/// Sends a texture to the bridge, shows the returned frames, and controls the bridge by OSC.
/// If the bridge goes silent, the sent texture is shown instead: never black.
/// </summary>
[RequireComponent(typeof(SpoutSender))]
[RequireComponent(typeof(SpoutReceiver))]
[AddComponentMenu("Spout Bridge")]
public sealed class SpoutBridge : MonoBehaviour
{
    [Header("Images")]
    [Tooltip("Texture to send, also shown while the bridge is gone: a camera's target texture, a video.")]
    public Texture source;
    [Tooltip("Render Texture that receives the image; optional.")]
    public RenderTexture output;
    [Tooltip("Renderer that shows the image, such as a Quad; optional.")]
    public Renderer screen;
    [Tooltip("Sender name that the bridge looks for.")]
    public string sendAs = "BridgeIn";
    [Tooltip("The bridge's sender name; 'sink' below shows the actual one if this was in use.")]
    public string receiveFrom = "BridgeOut";

    [Header("OSC")]
    public string host = "127.0.0.1";
    public int port = 8000;
    [Tooltip("UDP port for answers; 0 for any free port. The bridge learns it automatically.")]
    public int replyPort = 0;
    [Tooltip("Seconds without an answer after which the source is shown.")]
    [Range(0.5f, 30)] public float silence = 2;
    [Tooltip("On: these values are sent on connect. Off: the bridge's values are used.")]
    public bool sendAtStart = true;

    [Header("Values")]
    [TextArea] public string prompt = "starry night";
    [Tooltip("Name of an image in the bridge's assets folder.")]
    public string reference = "";
    [Range(0, 2)] public float vaceScale = 1;
    [Range(0, 60)] public float fade = 1;
    [Range(0, 1)] public float mix = 1;
    public bool bypass;
    public bool freeze;
    public bool black;
    [Tooltip("The pipeline's id; changing it switches the pipeline.")]
    public string pipeline = "stylize";

    [Header("Bridge State")]
    public bool alive;
    public string state = "";
    public float fps;
    public float latency;
    public string error = "";
    public string sink = "";

    /// <summary>A state value arrived: its name, as in /bridge/state/NAME, and the value.</summary>
    public event Action<string, object> OnState;
    /// <summary>Any other answer arrived: its address and the value, a float, int or
    /// string.</summary>
    public event Action<string, object> OnValue;

    /// <summary>The image to show now: the bridge's, or the source if there is none.</summary>
    public Texture Picture { get; private set; }

    const string Root = "/bridge/";
    const float Apart = 1f / 30; // seconds between two messages of one value
    const float Own = 0.3f; // seconds after our own message that an older answer may still arrive

    /// <summary>One value in the inspector: how to read and write it, and the value last agreed
    /// on.</summary>
    sealed class Bound
    {
        public string Address;
        public Func<object> Get;
        public Action<object> Set;
        public object Agreed, Heard;
        public bool IsPipeline;
        public float SentAt = float.NegativeInfinity;
    }

    SpoutBridgeOsc _osc;
    SpoutSender _sender;
    SpoutReceiver _receiver;
    List<Bound> _bound;
    Dictionary<string, Bound> _byAddress;
    bool _wasAlive;
    float _askedAt;

    /// <summary>Set any value by its address, such as "/bridge/noise"; float, int, bool or string.</summary>
    public void SetValue(string address, object value)
    {
        if (_osc != null) _osc.Send(address, value);
    }

    /// <summary>Do something once: "reset", "reload", "panic", "live", "defaults".</summary>
    public void Act(string action)
    {
        SetValue(Root + action, 1);
    }

    void OnEnable()
    {
        _bound = new List<Bound>
        {
            Bind("prompt", () => prompt, v => prompt = (string)v),
            Bind("ref", () => reference, v => reference = (string)v),
            Bind("vace", () => vaceScale, v => vaceScale = (float)v),
            Bind("fade", () => fade, v => fade = (float)v),
            Bind("mix", () => mix, v => mix = (float)v),
            Bind("bypass", () => bypass, v => bypass = (bool)v),
            Bind("freeze", () => freeze, v => freeze = (bool)v),
            Bind("black", () => black, v => black = (bool)v),
            Bind("pipeline", () => pipeline, v => pipeline = (string)v),
        };
        _byAddress = new Dictionary<string, Bound>();
        foreach (var bound in _bound) _byAddress[bound.Address] = bound;
        _sender = GetComponent<SpoutSender>();
        _receiver = GetComponent<SpoutReceiver>();
        _osc = new SpoutBridgeOsc(host, port, replyPort);
        _wasAlive = false;
        ShowPicture();
    }

    void OnDisable()
    {
        if (_osc != null) _osc.Dispose();
        _osc = null;
        alive = false;
    }

    void Update()
    {
        _sender.spoutName = sendAs;
        _sender.captureMethod = CaptureMethod.Texture;
        _sender.sourceTexture = source;
        _receiver.sourceName = receiveFrom;

        string address;
        object value;
        while (_osc.TryTake(out address, out value)) Take(address, value);
        alive = _osc.Silence < silence;
        if (alive && !_wasAlive) Meet();
        _wasAlive = alive;
        if (alive) foreach (var bound in _bound) Agree(bound);
        if (alive && Time.unscaledTime - _askedAt >= 1 && _bound.Exists(bound => bound.Agreed == null)) Ask();
        ShowPicture();
    }

    Bound Bind(string name, Func<object> get, Action<object> set)
    {
        return new Bound { Address = Root + name, Get = get, Set = set, IsPipeline = name == "pipeline" };
    }

    void Take(string address, object value)
    {
        Bound bound;
        // An empty name means that no pipeline is loaded yet.
        if (_byAddress.TryGetValue(address, out bound) && !(bound.IsPipeline && "".Equals(value)))
            bound.Heard = value;
        if (address.StartsWith(Root + "state/", StringComparison.Ordinal))
        {
            var name = address.Substring(Root.Length + 6);
            if (name == "state") state = value.ToString();
            else if (name == "error") error = value.ToString();
            else if (name == "sink") sink = value.ToString();
            else if (name == "fps") fps = Convert.ToSingle(value);
            else if (name == "latency") latency = Convert.ToSingle(value);
            if (OnState != null) OnState(name, value);
        }
        else if (OnValue != null) OnValue(address, value);
    }

    /// <summary>A bridge has appeared, perhaps another one: no value is agreed on yet, so request
    /// them all.</summary>
    void Meet()
    {
        foreach (var bound in _bound) bound.Agreed = bound.Heard = null;
        Ask();
    }

    void Ask()
    {
        _askedAt = Time.unscaledTime;
        _osc.Send(Root + "query");
    }

    /// <summary>Changes made here are sent; changes made elsewhere are shown.</summary>
    void Agree(Bound bound)
    {
        var now = Time.unscaledTime;
        var here = bound.Get();
        if (bound.Agreed == null)
        {
            // The bridge's value first: sending it would reload a running pipeline.
            if (bound.Heard == null) return;
            bound.Agreed = sendAtStart ? Like(here, bound.Heard) : here;
            if (sendAtStart) bound.Heard = null;
        }
        if (!here.Equals(bound.Agreed))
        {
            if (now - bound.SentAt >= Apart) Send(bound, here);
            return;
        }
        if (bound.Heard == null || now - bound.SentAt < Own) return;
        bound.Agreed = Like(here, bound.Heard);
        bound.Set(bound.Agreed);
        bound.Heard = null;
    }

    void Send(Bound bound, object value)
    {
        _osc.Send(bound.Address, value);
        bound.Agreed = value;
        bound.SentAt = Time.unscaledTime;
    }

    /// <summary>An answer as the type used here: switches arrive as integers.</summary>
    static object Like(object here, object heard)
    {
        if (here is string) return heard.ToString();
        if (heard is string) return here;
        if (here is bool) return Convert.ToSingle(heard) != 0;
        return Convert.ToSingle(heard);
    }

    void ShowPicture()
    {
        var received = alive ? _receiver.receivedTexture : null;
        Picture = received != null ? received : source;
        if (Picture == null) return;
        if (output != null) Graphics.Blit(Picture, output);
        if (screen != null) screen.material.mainTexture = Picture;
    }
}
#endif

/// <summary>
/// OSC to the bridge and its answers over one UDP socket, without Unity or any library.
/// Call Send and TryTake from one thread; a separate thread receives, and keeps the newest value of
/// each address. </summary>
public sealed class SpoutBridgeOsc : IDisposable
{
    const int Renewal = 2000; // milliseconds: a restarted bridge has no subscribers
    const int Deepest = 8; // nesting depth of bundles

    readonly UdpClient _udp;
    readonly Thread _thread;
    readonly Dictionary<string, object> _newest = new Dictionary<string, object>(); // also the lock
    readonly Queue<string> _order = new Queue<string>();
    readonly Timer _renewal;
    long _heardAt = long.MinValue;
    volatile bool _ended;

    /// <summary>Listen on replyPort, 0 for any, and ask the bridge for all values.</summary>
    public SpoutBridgeOsc(string host, int port, int replyPort = 0)
    {
        _udp = new UdpClient(replyPort);
        _udp.Connect(host, port); // only datagrams from the bridge are received
        _thread = new Thread(Listen) { IsBackground = true, Name = "spout-bridge OSC" };
        _thread.Start();
        _renewal = new Timer(_ => Send("/bridge/subscribe"), null, 0, Renewal);
    }

    /// <summary>Seconds since the bridge last sent anything.</summary>
    public double Silence
    {
        get
        {
            var heard = Interlocked.Read(ref _heardAt);
            if (heard == long.MinValue) return double.PositiveInfinity;
            return (Stopwatch.GetTimestamp() - heard) / (double)Stopwatch.Frequency;
        }
    }

    /// <summary>Send one message. A missing bridge is not an error: it may start later.</summary>
    public void Send(string address, params object[] values)
    {
        var data = Encode(address, values);
        try { _udp.Send(data, data.Length); }
        catch (SocketException) { }
        catch (ObjectDisposedException) { }
    }

    /// <summary>Take the next address with a new value; false if there is none.</summary>
    public bool TryTake(out string address, out object value)
    {
        address = null;
        value = null;
        lock (_newest)
        {
            if (_order.Count == 0) return false;
            address = _order.Dequeue();
            value = _newest[address];
            _newest.Remove(address);
            return true;
        }
    }

    public void Dispose()
    {
        if (_ended) return;
        _renewal.Dispose();
        Send("/bridge/unsubscribe");
        _ended = true;
        _udp.Close();
        _thread.Join(500);
    }

    /// <summary>A message: int as i, bool as i 0 or 1, float and double as f, else text as s.</summary>
    public static byte[] Encode(string address, params object[] values)
    {
        var tags = new StringBuilder(",");
        var body = new List<byte>();
        foreach (var value in values)
        {
            if (value is bool || value is int)
            {
                tags.Append('i');
                AddInt(body, value is bool ? ((bool)value ? 1 : 0) : (int)value);
            }
            else if (value is float || value is double)
            {
                tags.Append('f');
                var four = BitConverter.GetBytes(Convert.ToSingle(value));
                AddInt(body, BitConverter.ToInt32(four, 0));
            }
            else
            {
                tags.Append('s');
                AddText(body, value.ToString());
            }
        }
        var whole = new List<byte>();
        AddText(whole, address);
        AddText(whole, tags.ToString());
        whole.AddRange(body);
        return whole.ToArray();
    }

    /// <summary>All messages in a packet whose first value is of type i, f or s. Reading stops at
    /// damaged data.</summary>
    public static List<KeyValuePair<string, object>> Decode(byte[] data)
    {
        var found = new List<KeyValuePair<string, object>>();
        try { Read(data, 0, data.Length, found, 0); }
        catch (Exception error) when (error is IndexOutOfRangeException || error is ArgumentException) { }
        return found;
    }

    static void Read(byte[] data, int at, int end, List<KeyValuePair<string, object>> found, int depth)
    {
        var address = TakeText(data, ref at, end);
        if (address == "#bundle" && depth < Deepest)
        {
            for (at += 8; at + 4 <= end;) // the time tag is ignored: values apply now
            {
                var size = TakeInt(data, ref at, end);
                if (size <= 0 || size > end - at) return;
                Read(data, at, at + size, found, depth + 1);
                at += size;
            }
            return;
        }
        if (!address.StartsWith("/", StringComparison.Ordinal)) return;
        var tags = TakeText(data, ref at, end);
        object value = null;
        if (tags.StartsWith(",i", StringComparison.Ordinal)) value = TakeInt(data, ref at, end);
        else if (tags.StartsWith(",f", StringComparison.Ordinal))
            value = BitConverter.ToSingle(BitConverter.GetBytes(TakeInt(data, ref at, end)), 0);
        else if (tags.StartsWith(",s", StringComparison.Ordinal)) value = TakeText(data, ref at, end);
        if (value != null) found.Add(new KeyValuePair<string, object>(address, value));
    }

    void Listen()
    {
        while (!_ended)
        {
            try
            {
                System.Net.IPEndPoint from = null;
                var data = _udp.Receive(ref from);
                Interlocked.Exchange(ref _heardAt, Stopwatch.GetTimestamp());
                var messages = Decode(data);
                lock (_newest)
                {
                    foreach (var message in messages)
                    {
                        if (!_newest.ContainsKey(message.Key)) _order.Enqueue(message.Key);
                        _newest[message.Key] = message.Value;
                    }
                }
            }
            catch (SocketException)
            {
                if (!_ended) Thread.Sleep(50); // reported while nothing listens at the port
            }
            catch (ObjectDisposedException) { return; }
        }
    }

    static void AddInt(List<byte> to, int value)
    {
        for (var shift = 24; shift >= 0; shift -= 8) to.Add((byte)(value >> shift));
    }

    static void AddText(List<byte> to, string text)
    {
        to.AddRange(Encoding.UTF8.GetBytes(text));
        do to.Add(0); while (to.Count % 4 != 0);
    }

    static int TakeInt(byte[] data, ref int at, int end)
    {
        if (at + 4 > end) throw new ArgumentException("cut short");
        var value = data[at] << 24 | data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3];
        at += 4;
        return value;
    }

    static string TakeText(byte[] data, ref int at, int end)
    {
        var stop = at >= end ? -1 : Array.IndexOf(data, (byte)0, at, end - at);
        if (stop < 0) throw new ArgumentException("cut short");
        var text = Encoding.UTF8.GetString(data, at, stop - at);
        at += (stop - at) / 4 * 4 + 4;
        return text;
    }
}
