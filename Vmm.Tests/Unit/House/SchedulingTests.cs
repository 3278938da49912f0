using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Vmm.Tests.Unit.House;

/// <summary>
/// Yielding, real-time priority and the absence of collections are entered as scopes where work begins. A step of the work that called for one of
/// them would be found here.
/// </summary>
[Parallelizable(ParallelScope.All)]
public sealed class SchedulingTests
{
    private static readonly string[] Product = ["Vmm", "Vmm.Core", "Vmm.Kvm", "Vmm.Migration", "Vmm.Qmp"];

    [TestCase("ThreadScheduling", "Vmm.Core/Loop/LoopCalls.cs", "Vmm.Core/Loop/Paced.cs", "Vmm.Core/Machines/PauseScope.cs")]
    [TestCase("ThreadBoost", "Vmm.Core/Loop/ThreadScheduling.cs", "Vmm.Kvm/Cpus/KvmCpu.cs")]
    [TestCase("NoGcRegion", "Vmm.Core/Machines/PauseScope.cs")]
    [TestCase(
        "SetBoost", "Vmm.Core/Hypervisors/IVirtualCpus.cs", "Vmm.Core/Machines/PauseScope.cs", "Vmm.Kvm/Cpus/KvmCpu.cs", "Vmm.Kvm/Cpus/KvmCpus.cs")]
    [TestCase(
        "PauseScope", "Vmm.Kvm/Cpus/KvmCpus.cs", "Vmm.Migration/Exec/ExecIncoming.cs", "Vmm.Migration/Handover/IncomingHandover.cs", "Vmm.Migration/Handover/OutgoingHandover.cs")]
    public void Scheduling_is_named_by_scopes_and_where_they_are_entered(string name, params string[] places)
    {
        var users = from file in SourceFile.All()
                    where Product.Any(file.IsIn) && Path.GetFileName(file.Path) != $"{name}.cs"
                    where file.Root.DescendantTokens().Any(token => token.IsKind(SyntaxKind.IdentifierToken) && token.Text == name)
                    select file.Path;

        Assert.That(users, Is.EquivalentTo(places));
    }
}
