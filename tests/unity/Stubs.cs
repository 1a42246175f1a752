// As much of UnityEngine and Klak.Spout as examples/unity/SpoutBridge.cs names, so that it compiles
// and its logic runs without Unity. Names and types as in Unity 2022.3 and KlakSpout 2.0.

using System;

namespace UnityEngine
{
    [AttributeUsage(AttributeTargets.Field)] public sealed class HeaderAttribute : Attribute { public HeaderAttribute(string text) { } }
    [AttributeUsage(AttributeTargets.Field)] public sealed class TooltipAttribute : Attribute { public TooltipAttribute(string text) { } }
    [AttributeUsage(AttributeTargets.Field)] public sealed class TextAreaAttribute : Attribute { }
    [AttributeUsage(AttributeTargets.Field)] public sealed class RangeAttribute : Attribute { public RangeAttribute(float low, float high) { } }
    [AttributeUsage(AttributeTargets.Class)] public sealed class AddComponentMenu : Attribute { public AddComponentMenu(string name) { } }
    [AttributeUsage(AttributeTargets.Class, AllowMultiple = true)] public sealed class RequireComponent : Attribute { public RequireComponent(Type type) { } }

    public class Object { }
    public class Component : Object { }
    public class MonoBehaviour : Component
    {
        public Klak.Spout.SpoutSender Sender = new Klak.Spout.SpoutSender();
        public Klak.Spout.SpoutReceiver Receiver = new Klak.Spout.SpoutReceiver();
        public T GetComponent<T>() where T : class { return Sender as T ?? Receiver as T; }
    }
    public class Texture : Object { }
    public class RenderTexture : Texture { public Texture Shown; }
    public class Material : Object { public Texture mainTexture { get; set; } }
    public class Renderer : Component { public Material material = new Material(); }
    public static class Graphics { public static void Blit(Texture from, RenderTexture to) { to.Shown = from; } }
    public static class Time
    {
        static readonly System.Diagnostics.Stopwatch Watch = System.Diagnostics.Stopwatch.StartNew();
        public static float unscaledTime { get { return (float)Watch.Elapsed.TotalSeconds; } }
    }
}

namespace Klak.Spout
{
    using UnityEngine;

    public enum CaptureMethod { GameView, Camera, Texture }
    public sealed class SpoutSender
    {
        public string spoutName { get; set; }
        public CaptureMethod captureMethod { get; set; }
        public Texture sourceTexture { get; set; }
    }
    public sealed class SpoutReceiver
    {
        public string sourceName { get; set; }
        public RenderTexture receivedTexture { get; set; }
    }
}
