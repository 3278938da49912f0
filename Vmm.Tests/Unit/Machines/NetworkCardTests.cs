using Vmm.Core.Devices.Model;
using Vmm.Core.Machines;
using Vmm.Tests.Unit.Migration;

namespace Vmm.Tests.Unit.Machines;

/// <summary>Network cards as management names them, and what it is told of their receive filters.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class NetworkCardTests : IDisposable
{
    private readonly HandoverFixture _fixture = new();
    private readonly MachineHost _host;
    private readonly FakeCard _device = new("nic0", "n0");
    private readonly IReadOnlyList<NetworkCard> _cards;

    public NetworkCardTests()
    {
        _host = _fixture.Old(_fixture.Configuration);
        _cards = NetworkCard.Among(_host.Machine, [_device, new FakeCard(null, "n1"), new FakeCard("nic2", "n2"), new FakeCard(null, "n3")]);
    }

    private int Reported => _host.Events.All.Count(line => line == "FILTER nic0 /machine/peripheral/nic0");

    public void Dispose() => _fixture.Dispose();

    [Test]
    public void A_card_without_an_id_is_called_by_its_type_and_its_number_among_those()
    {
        Assert.That(_cards.Select(card => card.Name), Is.EqualTo(new[] { "nic0", "fake-net.1", "nic2", "fake-net.3" }));
        Assert.That(_cards.Select(card => card.NetdevId), Is.EqualTo(new[] { "n0", "n1", "n2", "n3" }));
        Assert.That(_cards.Select(card => card.Id), Is.EqualTo(new[] { "nic0", null, "nic2", null }));
    }

    [Test]
    public async Task A_change_of_the_filter_is_reported_once_until_a_client_asks()
    {
        for (int i = 0; i < 1000; i++)
        {
            _device.ReceiveFilterChanged!();
        }

        await _host.Events.Of("FILTER nic0 /machine/peripheral/nic0");
        _host.Do(() => { });
        Assert.That(Reported, Is.EqualTo(1));

        Assert.That(_host.Do(_cards[0].ReadFilter), Is.SameAs(_device.ReceiveFilter));
        _device.ReceiveFilterChanged!();
        _host.Do(() => { });
        Assert.That(Reported, Is.EqualTo(2));
    }

    [Test]
    public void A_filter_that_does_not_change_is_not_reported()
    {
        _host.Do(_cards[0].ReadFilter);
        _host.Do(() => { });
        Assert.That(Reported, Is.Zero);
    }
}
