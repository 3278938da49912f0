using Vmm.Core.State;

namespace Vmm.Tests.Unit.State;

/// <summary>A record that stands in another one, has grown by a field and has a subsection.</summary>
internal sealed class SampleTimer
{
    internal static readonly StateLayout<SampleTimer> First = new("sample-timer", version: 1) { { "deadline", s => ref s.Deadline } };

    internal static readonly StateLayout<SampleTimer> WithPeriod = new("sample-timer", version: 2, minimumVersion: 1)
    {
        { "deadline", s => ref s.Deadline },
        { "period", s => ref s.Period, 2 },
    };

    internal static readonly StateLayout<SampleTimer> Layout = new("sample-timer", version: 2, minimumVersion: 1)
    {
        { "deadline", s => ref s.Deadline },
        { "period", s => ref s.Period, 2 },
        { new StateLayout<SampleTimer>("sample-timer/late", version: 1) { { "late", s => ref s.Late } }, s => s.Late },
    };

    internal ulong Deadline;
    internal uint Period;
    internal bool Late;
}
