using Vmm.Lab.Hosts;
using Vmm.Migration.Handover;

namespace Vmm.Tests.Faults;

/// <summary>KVM refuses a request of the new process: a filter of the kernel's answers EINVAL to it, from the process's start on.</summary>
/// <param name="name">The request, as KVM's documentation names it.</param>
/// <param name="number">Its number.</param>
internal sealed class RefusedRequest(string name, uint number) : Fault($"{name} is refused in new")
{
    /// <summary>Every request by which state, or what comes before state, enters KVM.</summary>
    internal static IReadOnlyList<Fault> All { get; } =
    [
        new RefusedRequest("KVM_SET_USER_MEMORY_REGION", 0x4020ae46),
        new RefusedRequest("KVM_SET_CPUID2", 0x4008ae90),
        new RefusedRequest("KVM_SET_IRQCHIP", 0x8208ae63),
        new RefusedRequest("KVM_SET_PIT2", 0x4070aea0),
        new RefusedRequest("KVM_SET_CLOCK", 0x4030ae7b),
        new RefusedRequest("KVM_SET_SREGS2", 0x4140aecd),
        new RefusedRequest("KVM_SET_REGS", 0x4090ae82),
        new RefusedRequest("KVM_SET_MSRS", 0x4008ae89),
        new RefusedRequest("KVM_SET_LAPIC", 0x4400ae8f),
        new RefusedRequest("KVM_SET_MP_STATE", 0x4004ae99),
        new RefusedRequest("KVM_SET_VCPU_EVENTS", 0x4040aea0),
        new RefusedRequest("KVM_SET_DEBUGREGS", 0x4080aea2),
        new RefusedRequest("KVM_SET_XSAVE", 0x5000aea5),
        new RefusedRequest("KVM_SET_XCRS", 0x4188aea7),
    ];

    /// <inheritdoc/>
    internal override IReadOnlyList<string> NewStartedBy => [Repository.Path("out/refuse"), $"0x{number:x}"];

    /// <inheritdoc/>
    internal override Outcome At(HandoverStep step) => step == HandoverStep.NewPlanAccepted
        ? Outcome.Stays(Rest.Exits, $"{name}.*Invalid argument")
        : Outcome.CannotHappen("new makes the request when it builds and tries its machine");

    /// <inheritdoc/>
    internal override Task StrikeAsync(Scene scene, HandoverStep step)
    {
        scene.ReleaseAll();
        return Task.CompletedTask;
    }
}
