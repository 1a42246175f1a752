// spout-bridge in Unity: one file. Needs KlakSpout (jp.keijiro.klak.spout), Windows, Unity 2022.3 or later.
// examples/README.md has the steps. MIT, like the rest of spout-bridge.
//
// The class SpoutBridgeOsc below needs no Unity: it can be taken into any C# program.

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
/// Sends a texture to the bridge, shows what comes back, and steers it by OSC.
/// Where the bridge falls silent, the texture that is sent is shown instead: never black.
/// </summary>
[RequireComponent(typeof(SpoutSender))]
[RequireComponent(typeof(SpoutReceiver))]
[AddComponentMenu("Spout Bridge")]
public sealed class SpoutBridge : MonoBehaviour
{
    [Header("Pictures")]
    [Tooltip("What is sent, and shown while the bridge is away: a camera's target texture, a video.")]
    public Texture source;
    [Tooltip("Where the picture goes; may stay empty.")]
    public RenderTexture output;
    [Tooltip("A Quad, say, that shows the picture; may stay empty.")]
    public Renderer screen;
    [Tooltip("The name the bridge looks for.")]
    public string sendAs = "BridgeIn";
    [Tooltip("The name the bridge sends under; 'sink' below has it, where it was taken.")]
    public string receiveFrom = "BridgeOut";

    [Header("OSC")]
    public string host = "127.0.0.1";
    public int port = 8000;
    [Tooltip("Where answers come to; 0 for any free port. The bridge is told by itself.")]
    public int replyPort = 0;
    [Tooltip("Seconds without an answer after which the source is shown.")]
    [Range(0.5f, 30)] public float silence = 2;
    [Tooltip("On: what stands here is sent when the bridge comes. Off: the bridge's values are taken over.")]
    public bool sendAtStart = true;

    [Header("Values")]
    [TextArea] public string prompt = "starry night";
    [Tooltip("A picture of the bridge's assets folder.")]
    public string reference = "";
    [Range(0, 2)] public float vaceScale = 1;
    [Range(0, 60)] public float fade = 1;
    [Range(0, 1)] public float mix = 1;
    public bool bypass;
    public bool freeze;
    public bool black;
    [Tooltip("The pipeline's id; a change switches.")]
    public string pipeline = "stylize";

    [Header("The bridge says")]
    public bool alive;
    public string state = "";
    public float fps;
    public float latency;
    public string error = "";
    public string sink = "";

    /// <summary>A value of the state came: its name, as in /bridge/state/NAME, and the value.</summary>
    public event Action<string, object> OnState;
    /// <summary>Any other answer came: its address and the value, a float, int or string.</summary>
    public event Action<string, object> OnValue;

    /// <summary>The picture to show now: the bridge's, or the source while there is none.</summary>
    public Texture Picture { get; private set; }

    const string Root = "/bridge/";
    const float Apart = 1f / 30; // seconds between two messages of one value
    const float Own = 0.3f; // seconds after our own message in which an older answer may still come

    /// <summary>One value of the inspector: how it is read, written, and what was last agreed on.</summary>
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
        // No pipeline is there yet where its name is empty.
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

    /// <summary>The bridge is there, perhaps another one: nothing is agreed on, and it is asked for all it has.</summary>
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

    /// <summary>What was changed here goes out; what was changed elsewhere comes in.</summary>
    void Agree(Bound bound)
    {
        var now = Time.unscaledTime;
        var here = bound.Get();
        if (bound.Agreed == null)
        {
            // Its value first: a pipeline that runs already would be built anew.
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

    /// <summary>An answer as the type that stands here: switches come as whole numbers.</summary>
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
/// OSC to the bridge and its answers back over one UDP socket, without Unity or any library.
/// Send and TryTake are for one thread; what comes in is read by a thread of its own, and of each
/// address the newest value is kept.
/// </summary>
public sealed class SpoutBridgeOsc : IDisposable
{
    const int Renewal = 2000; // milliseconds: a bridge that starts anew knows nobody
    const int Deepest = 8; // bundles in bundles

    readonly UdpClient _udp;
    readonly Thread _thread;
    readonly Dictionary<string, object> _newest = new Dictionary<string, object>(); // also the lock
    readonly Queue<string> _order = new Queue<string>();
    readonly Timer _renewal;
    long _heardAt = long.MinValue;
    volatile bool _ended;

    /// <summary>Listen at replyPort, 0 for any, and ask the bridge to tell everything.</summary>
    public SpoutBridgeOsc(string host, int port, int replyPort = 0)
    {
        _udp = new UdpClient(replyPort);
        _udp.Connect(host, port); // only the bridge's own datagrams come in
        _thread = new Thread(Listen) { IsBackground = true, Name = "spout-bridge OSC" };
        _thread.Start();
        _renewal = new Timer(_ => Send("/bridge/subscribe"), null, 0, Renewal);
    }

    /// <summary>Seconds since the bridge said anything.</summary>
    public double Silence
    {
        get
        {
            var heard = Interlocked.Read(ref _heardAt);
            if (heard == long.MinValue) return double.PositiveInfinity;
            return (Stopwatch.GetTimestamp() - heard) / (double)Stopwatch.Frequency;
        }
    }

    /// <summary>Send one message. A bridge that is not there is no error: it may come later.</summary>
    public void Send(string address, params object[] values)
    {
        var data = Encode(address, values);
        try { _udp.Send(data, data.Length); }
        catch (SocketException) { }
        catch (ObjectDisposedException) { }
    }

    /// <summary>Take the next address that has a new value; false when there is none.</summary>
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

    /// <summary>Every message of a packet that has a first value of type i, f or s. Damage ends the reading.</summary>
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
            for (at += 8; at + 4 <= end;) // the time tag is not needed: values mean now
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
                if (!_ended) Thread.Sleep(50); // the system tells so that nobody is at the port yet
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
