// A hypervisor that runs nothing and remembers everything: which calls came in which order, how often a guest was started
// and stopped, and whether two machines ever ran the same guest at once. What it refuses is set by the test.

using Vmm.Core.Hypervisors;
using Vmm.Core.State;

namespace Vmm.Tests.Unit.Machines;

/// <summary>A hypervisor for tests. Counts and refusals may be looked at and set from any thread.</summary>
internal sealed class FakeHypervisor(GuestOwnership ownership) : IHypervisor
{
    private readonly Lock _gate = new();
    private readonly List<string> _calls = [];
    private readonly List<FakeMachine> _machines = [];

    public string Name => "fake";

    /// <summary>Who runs the guest, seen over all hypervisors of a test.</summary>
    internal GuestOwnership Ownership => ownership;

    /// <summary>Why the next VM cannot be made.</summary>
    internal string? RefuseCreate { get; set; }

    /// <summary>What a device throws when its own state is applied to it.</summary>
    internal Func<Exception>? RefuseRehearsal { get; set; }

    /// <summary>Whether what is applied next is what a machine captured of itself, and not a guest's state that arrived.</summary>
    internal bool IsRehearsing { get; set; }

    /// <summary>What a device throws when a guest's state is to take effect.</summary>
    internal Func<Exception>? RefuseApply { get; set; }

    /// <summary>Why a vCPU's state cannot be written.</summary>
    internal string? RefuseSave { get; set; }

    /// <summary>Why vCPUs cannot be stopped.</summary>
    internal string? RefuseStop { get; set; }

    /// <summary>Why vCPUs cannot be started.</summary>
    internal string? RefuseStart { get; set; }

    /// <summary>Whether vCPUs that are started go into the guest only by <see cref="FakeCpuGroup.Enter"/>.</summary>
    internal bool EntersLate { get; set; }

    /// <summary>What lowering the vCPUs' priority throws once it was raised.</summary>
    internal Exception? FailToLower { get; set; }

    /// <summary>Why the guest's clock can neither be stopped nor continue.</summary>
    internal string? RefuseClock { get; set; }

    /// <summary>Why in-kernel devices cannot be reset.</summary>
    internal string? RefuseReset { get; set; }

    /// <summary>Completes when a stop is given up.</summary>
    internal TaskCompletionSource Withdrawn { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Called while vCPUs are being stopped, before they are.</summary>
    internal Func<Task>? WhileStopping { get; set; }

    /// <summary>Called while a guest's vCPU state is being applied, before it is.</summary>
    internal Func<Task>? WhileApplying { get; set; }

    /// <summary>Completes when the first VM is made.</summary>
    internal TaskCompletionSource Created { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The layout of the in-kernel device.</summary>
    internal StateLayout<FakeKernelDevice> DeviceLayout { get; set; } = FakeKernelDevice.Today;

    /// <summary>Every call in its order.</summary>
    internal IReadOnlyList<string> Calls
    {
        get
        {
            lock (_gate)
            {
                return [.. _calls];
            }
        }
    }

    /// <summary>Every VM that was made.</summary>
    internal IReadOnlyList<FakeMachine> Machines
    {
        get
        {
            lock (_gate)
            {
                return [.. _machines];
            }
        }
    }

    /// <summary>The newest VM.</summary>
    internal FakeMachine Newest => Machines[^1];

    public IVirtualMachine CreateMachine(VirtualMachineOptions options, IExitHandler exits)
    {
        Note("create");
        if (RefuseCreate is { } reason)
        {
            throw new HypervisorException(reason);
        }

        var machine = new FakeMachine(this, options);
        lock (_gate)
        {
            _machines.Add(machine);
        }

        Created.TrySetResult();

        return machine;
    }

    public void Dispose()
    {
    }

    internal int Count(string call) => Calls.Count(c => c == call);

    internal void Note(string call)
    {
        lock (_gate)
        {
            _calls.Add(call);
        }
    }
}
