namespace Vmm.Core.Devices.Virtio.Console;

/// <summary>
/// Which queue is whose: a pair for port 0, a pair for control, then a pair for each further port. The first of a pair leads to the driver, the
/// second from it.
/// </summary>
internal static class ConsoleQueues
{
    /// <summary>The queue of control messages to the driver.</summary>
    internal const int ControlInput = 2;

    /// <summary>The queue of control messages from the driver.</summary>
    internal const int ControlOutput = 3;

    internal const ushort PortSize = 128;
    internal const ushort ControlSize = 32;

    internal static int CountFor(int mostPorts) => 2 * (mostPorts + 1);

    /// <summary>The largest size of each queue.</summary>
    internal static ushort[] SizesFor(int mostPorts) =>
        [.. Enumerable.Range(0, CountFor(mostPorts)).Select(queue => IsControl(queue) ? ControlSize : PortSize)];

    internal static bool IsControl(int queue) => queue is ControlInput or ControlOutput;

    /// <summary>Whether only a driver that accepts MULTIPORT has the queue.</summary>
    internal static bool IsMultiPort(int queue) => queue >= ControlInput;

    /// <summary>The queue of a port to the driver.</summary>
    internal static int InputOf(uint port) => port == 0 ? 0 : 2 * ((int)port + 1);

    /// <summary>The queue of a port from the driver.</summary>
    internal static int OutputOf(uint port) => InputOf(port) + 1;
}
