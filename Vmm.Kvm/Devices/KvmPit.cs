using Vmm.Core.State;
using Vmm.Kvm.Native;

namespace Vmm.Kvm.Devices;

/// <summary>The 8254 timer. After a load its counters start over, so a running one is late by at most its period.</summary>
internal sealed class KvmPit : KvmDevice
{
    internal const int Size = 112;

    internal static readonly StateLayout<KvmDeviceState> PitLayout = new("kvm-i8254", version: 1)
    {
        { "channels", s => s.Bytes, Size },
    };

    private readonly KvmFile _machine;

    internal KvmPit(KvmFile machine)
        : base(Size) => _machine = machine;

    private protected override StateLayout<KvmDeviceState> TypedLayout => PitLayout;

    /// <inheritdoc/>
    public override SavedForm CreateSavedForm(string section, int instance) => new PitSavedForm(this, instance);

    private protected override void Read(Span<byte> state) => _machine.Call(KvmRequest.GetPit2, state);

    private protected override void Write(Span<byte> state) => _machine.Call(KvmRequest.SetPit2, state);
}
