using Vmm.Core.Devices.Model;

namespace Vmm.Tests.Unit.Machines;

/// <summary>A network card that is what a test says, on no bus.</summary>
internal sealed class FakeCard : Device, INetworkCard
{
    internal FakeCard(string? id, string netdev)
    {
        var type = new FakeType();
        Join(new DeviceConfiguration(type, id).With(FakeType.Netdev, netdev), $"/machine/peripheral/{id ?? "device[0]"}");
    }

    public string MacAddress => ReceiveFilter.MainAddress;

    public bool IsLinkEnabled { get; private set; } = true;

    public ReceiveFilter ReceiveFilter { get; internal set; } = new("52:54:00:12:34:56");

    public Action? ReceiveFilterChanged { get; set; }

    public NetworkCounters Counters { get; internal set; }

    public void SetLink(bool enabled) => IsLinkEnabled = enabled;

    private sealed class FakeType : DeviceType
    {
        internal static readonly NetdevProperty Netdev = new("netdev", "id of the netdev");

        internal FakeType()
            : base("fake-net", "network card of a test") => Properties = [Netdev];

        public override Device Create(IDeviceContext context, DeviceConfiguration configuration) => throw new InvalidOperationException("a test makes it");
    }
}
