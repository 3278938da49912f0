using Microsoft.Win32.SafeHandles;

namespace Vmm.Tests.Faults;

/// <summary>What goes over one of the two channels at a time.</summary>
internal enum WireKind
{
    /// <summary>cpr: the greeting.</summary>
    Hello = 1,

    /// <summary>cpr: descriptors with their names.</summary>
    Descriptors = 2,

    /// <summary>cpr: the plan.</summary>
    Plan = 3,

    /// <summary>cpr: a refusal.</summary>
    Refused = 4,

    /// <summary>cpr: the machine is built.</summary>
    Ready = 5,

    /// <summary>cpr: the main channel is open.</summary>
    Listening = 6,

    /// <summary>cpr: the state could not be loaded.</summary>
    Failed = 7,

    /// <summary>cpr: the guest was taken.</summary>
    Taken = 8,

    /// <summary>main: head and state.</summary>
    State = 100,

    /// <summary>main: the end record.</summary>
    End = 101,
}

/// <summary>A whole message on its way, which a test may spoil.</summary>
/// <param name="IsOlds">Whether the old process sent it.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Bytes">Its bytes, as they are on the channel.</param>
/// <param name="Descriptors">The descriptors that ride on its first byte.</param>
internal sealed record WireMessage(bool IsOlds, WireKind Kind, byte[] Bytes, IReadOnlyList<SafeFileHandle> Descriptors)
{
    /// <summary>Whether the channel ends with it.</summary>
    internal bool IsLast { get; init; }

    /// <summary>The same with other bytes.</summary>
    internal WireMessage With(byte[] bytes) => new(IsOlds, Kind, bytes, Descriptors);
}
