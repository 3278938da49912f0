using Vmm.Core.State;

namespace Vmm.Core.Chardevs;

/// <summary>Who has the terminal of a mux, and what was typed. Monitors are not of the guest: they have no port here.</summary>
internal sealed class MuxState
{
    /// <summary>The most front ends of devices at one mux.</summary>
    internal const int MostPorts = 32;

    /// <summary>A process that is older than muxes, or has none here, sends none.</summary>
    internal static readonly StateLayout<MuxState> Layout = new("chardev-mux", version: 1, mayBeAbsent: true)
    {
        { "focus", s => ref s.Focus },
        { "escaped", s => ref s.IsEscaped },
        { "timestamps", s => ref s.HasTimestamps },
        { "line_start", s => ref s.IsLineStart },
        { "first_at", s => ref s.FirstAt },
        { "port_count", s => ref s.PortCount },
        { "ports", s => ref s.Ports, MuxPortState.Layout, "port_count", MostPorts },
    };

    internal MuxPortState[] Ports = [];

    /// <summary>Which port gets what is typed; those of monitors are counted after those of devices.</summary>
    internal int Focus;

    /// <summary>Whether the escape key was typed, so that the next key is a command.</summary>
    internal bool IsEscaped;

    /// <summary>Whether each line of output begins with the time.</summary>
    internal bool HasTimestamps;

    /// <summary>Whether the next byte of output begins a line.</summary>
    internal bool IsLineStart;

    /// <summary>When the first line with a time was begun, in milliseconds of CLOCK_MONOTONIC; 0 for not yet.</summary>
    internal long FirstAt;

    internal int PortCount;
}
