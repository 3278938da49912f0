namespace Vmm.Kvm.Devices;

/// <summary>The bytes of an in-kernel device, as KVM lays them out.</summary>
/// <param name="size">How many.</param>
internal sealed class KvmDeviceState(int size)
{
    /// <summary>The structure.</summary>
    internal readonly byte[] Bytes = new byte[size];
}
