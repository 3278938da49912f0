using Vmm.Core.State;

namespace Vmm.Tests.Unit.Devices.Sample;

/// <summary>What a guest has done to the sample device.</summary>
internal sealed class SampleState
{
    internal const int HistoryLength = 4;

    internal static readonly StateLayout<SampleState> Layout = new("sample", version: 1)
    {
        { "written", s => ref s.Written },
        { "history", s => s.History, HistoryLength },
        { new StateLayout<SampleState>("sample/alarm", version: 1) { { "alarm", s => ref s.Alarm } }, s => s.Alarm != 0 },
    };

    /// <summary>How many bytes were written.</summary>
    internal uint Written;

    /// <summary>The value that raises the interrupt; 0 for none.</summary>
    internal byte Alarm;

    /// <summary>The last bytes that were written, oldest first.</summary>
    internal byte[] History = new byte[HistoryLength];
}
