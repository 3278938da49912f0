// Where faults are injected. In the program that ships, passing a boundary compiles to nothing.
//
// In the variant for the fault tests a process that has an observer reports the step that it has just done and waits for the observer's answer.
// So what a test does to the process from outside (kill it, stop it, close its sockets) takes effect at exactly that place. The observer is a
// unix socket that the environment names; a byte there is a step, the byte that comes back is permission to continue. An observer that has
// disconnected blocks nothing.

using System.Diagnostics;
using System.Net.Sockets;

namespace Vmm.Migration.Handover;

/// <summary>A boundary between two steps of a handover.</summary>
internal static class Boundary
{
    /// <summary>The environment variable with the observer's path.</summary>
    internal const string Variable = "VMM_FAULTS_OBSERVER";

    private static readonly Lazy<Socket?> Observer = new(Connect);

    /// <summary>A step is done.</summary>
    [Conditional("VMM_FAULTS")]
    internal static void Passed(HandoverStep step) => Report((byte)step);

    /// <inheritdoc cref="Passed(HandoverStep)"/>
    [Conditional("VMM_FAULTS")]
    internal static void Passed(ExecStep step) => Report((byte)step);

    private static void Report(byte step)
    {
        if (Observer.Value is { Connected: true } observer)
        {
            Span<byte> leave = stackalloc byte[1];
            observer.Send([step]);
            observer.Receive(leave);
        }
    }

    private static Socket? Connect()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { Length: > 0 } path)
        {
            return null;
        }

        var observer = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        observer.Connect(new UnixDomainSocketEndPoint(path));
        return observer;
    }
}
