using Vmm.Core.State;

namespace Vmm.Tests.Unit.Machines;

/// <summary>A device inside the hypervisor: one register.</summary>
internal sealed class FakeKernelDevice(FakeHypervisor hypervisor, StateLayout<FakeKernelDevice> layout) : IStateful
{
    /// <summary>The layout of a hypervisor as it is, and of one that a later release changed.</summary>
    internal static readonly StateLayout<FakeKernelDevice> Today = new("fake-irqchip", version: 1) { { "pending", s => ref s.Pending } };

    internal static readonly StateLayout<FakeKernelDevice> Changed = new("fake-irqchip", version: 1)
    {
        { "pending", s => ref s.Pending },
        { "masked", s => ref s.Masked },
    };

    /// <summary>The layout of a later release that grew as layouts may.</summary>
    internal static readonly StateLayout<FakeKernelDevice> Grown = new("fake-irqchip", version: 1)
    {
        { "pending", s => ref s.Pending },
        { new StateLayout<FakeKernelDevice>("fake-irqchip/masked", version: 1) { { "masked", s => ref s.Masked } }, s => s.Masked != 0 },
    };

    internal uint Pending;
    internal uint Masked;

    public StateLayout Layout => layout;

    internal bool IsApplied { get; private set; }

    public void Save(StateWriter writer) => writer.Write(layout, this);

    public void Load(StateReader reader) => reader.Read(layout, this);

    public void Apply()
    {
        hypervisor.Note("apply irqchip");
        if (hypervisor.IsRehearsing)
        {
            if (hypervisor.RefuseRehearsal is { } refusal)
            {
                throw refusal();
            }
        }
        else if (hypervisor.RefuseApply is { } failure)
        {
            throw failure();
        }

        IsApplied = true;
    }
}
