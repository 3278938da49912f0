using Vmm.Migration.Handover;

namespace Vmm.Tests.Faults;

/// <summary>All faults, and at which boundaries each is tried.</summary>
internal static class FaultMatrix
{
    /// <summary>Those that CI tries at every boundary.</summary>
    private static readonly Fault[] Everywhere = [new KillOld(), new KillNew(), new StopNew(), new CloseCprChannel()];

    /// <summary>Those that CI tries at one boundary, the first of these at which they can happen.</summary>
    private static readonly Fault[] Others =
    [
        new StopOld(),
        new CloseMainChannel(),
        .. Enum.GetValues<Spoiling>().Select(s => new MessageFault(s)),
        .. DescriptorFault.All,
        new VersionFault(),
        new OtherUser(),
        new StrangeClient(),
        .. ScarcityFault.All,
        new NoSpace(),
        .. RefusedRequest.All,
        new SlowMainChannel(),
        new FullMainChannel(),
        .. CommandFault.All,
        new NetworkDies(),
        new NetworkHangs(),
    ];

    /// <summary>Every fault.</summary>
    internal static IReadOnlyList<Fault> Faults { get; } = [.. Everywhere, .. Others];

    /// <summary>Boundary and fault of each test, by their names.</summary>
    internal static IEnumerable<TestCaseData> Cases() =>
        from fault in Faults
        from step in FaultProgram.IsFullProduct || Everywhere.Contains(fault) ? Possible(fault) : Possible(fault).Reverse().Skip(4).Take(1)
        select new TestCaseData(step.ToString(), fault.Name);

    /// <summary>The same for a guest that is stopped: the faults that matter most, at every boundary or, in CI, in the middle of the switch.</summary>
    internal static IEnumerable<TestCaseData> PausedCases() =>
        from fault in Everywhere
        from step in FaultProgram.IsFullProduct ? Possible(fault) : [HandoverStep.NewApplied]
        select new TestCaseData(step.ToString(), fault.Name);

    /// <summary>The boundaries at which a fault can happen.</summary>
    internal static IEnumerable<HandoverStep> Possible(Fault fault) =>
        Enum.GetValues<HandoverStep>().Where(step => fault.At(step).WhyNot is null);

    /// <summary>A test's boundary and fault.</summary>
    internal static (HandoverStep Step, Fault Fault) Find(string boundary, string name) =>
        (Enum.Parse<HandoverStep>(boundary), Faults.Single(f => f.Name == name));
}
