using Vmm.Core.Backends.Net;
using Vmm.Core.Native;

namespace Vmm.Tests.Unit.Backends.Net;

/// <summary>A netdev of kind user with a script of the test's in passt's place.</summary>
public abstract class PasstTest : IDisposable
{
    private protected const string Echo = "exec cat <&3 >&3";

    private protected StreamBench Bench { get; } = new();

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
        {
            Bench.Dispose();
        }
    }

    private protected string Script => Bench.PathOf("program");

    private UserNetdev? _last;

    private protected UserNetdev Last() => _last!;

    private protected static byte[] Frame(int number) => StreamFrames.Frame(60 + number, number);

    private protected static string? Field(string[] status, string name) =>
        Array.Find(status, line => line.StartsWith($"{name}:", StringComparison.Ordinal))?[(name.Length + 1)..].Trim();

    private protected static void Send(int process, int number)
    {
        using var descriptor = PidFd.Open(process);
        PidFd.Signal(descriptor, number);
    }

    private protected UserNetdev User(string script, params string[] arguments) => User(script, TimeSpan.FromMilliseconds(50), arguments);

    /// <param name="script">What the program is.</param>
    /// <param name="readyLimit">How long it has to say that it is ready, or to end.</param>
    /// <param name="arguments">What it gets.</param>
    private protected UserNetdev User(string script, TimeSpan readyLimit, params string[] arguments)
    {
        string temporary = Bench.PathOf($"new-{Guid.NewGuid():N}");
        File.WriteAllText(temporary, $"#!/bin/sh\n{script}\n");
        using (var chmod = System.Diagnostics.Process.Start("chmod", ["755", temporary]))
        {
            chmod.WaitForExit();
        }

        File.Move(temporary, Script, overwrite: true);
        StreamBench.ClearSynchronizationContext();
        return _last = Bench.Keep(new UserNetdev(new UserNetdevConfiguration("n0") { Arguments = arguments }, Bench.Loop, Bench.Log)
        {
            Program = Script,
            FirstPause = TimeSpan.FromMilliseconds(20),
            ReadyLimit = readyLimit,
        });
    }

    private protected static UserNetdev Started(UserNetdev user)
    {
        user.Open();
        user.Start();
        return user;
    }

    private protected StreamDevice Device(UserNetdev user)
    {
        var device = Bench.Keep(new StreamDevice(user));
        device.Start();
        return device;
    }
}
