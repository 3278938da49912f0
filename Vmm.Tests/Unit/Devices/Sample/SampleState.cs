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
        { "last", s => s.Last, SampleByte.Layout },
        { new StateLayout<SampleState>("sample/alarm", version: 1) { { "alarm", s => ref s.Alarm } }, s => s.Alarm != 0 },
    };

    /// <summary>How many bytes were written.</summary>
    internal uint Written;

    /// <summary>The byte that raises the interrupt; 0 for none.</summary>
    internal byte Alarm;

    /// <summary>How often each of the values 0 to 3 was written.</summary>
    internal readonly ushort[] History = new ushort[HistoryLength];

    /// <summary>The last byte that was written.</summary>
    internal readonly SampleByte Last = new();
}

/// <summary>A byte with its complement, as a record inside the record.</summary>
internal sealed class SampleByte
{
    internal static readonly StateLayout<SampleByte> Layout = new("sample-byte", version: 1)
    {
        { "value", s => ref s.Value },
    };

    /// <summary>The byte.</summary>
    internal byte Value;
}
