using Vmm.Core.Devices.Virtio;
using Vmm.Core.Devices.Virtio.Rng;
using Vmm.Tests.Unit.Devices.Virtio.Saved;

namespace Vmm.Tests.Unit.Devices.Virtio;

/// <summary>An entropy device in a saved file.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RngFormTests : IDisposable
{
    private readonly List<MmioDriver> _drivers = [];

    public void Dispose() => _drivers.ForEach(driver => driver.Dispose());

    [Test]
    public void What_QEMU_has_saved_is_loaded_and_saved_as_it_was() => SavedForms.AssertQemusOwn(Driver(), QemuSections.Rng);

    [Test]
    public void Without_a_driver_it_is_as_long_as_QEMUs() => Assert.That(SavedForms.Save(Driver().Transport).Qemus, Has.Length.EqualTo(44191));

    [Test]
    public void Nothing_of_a_record_is_lost()
    {
        var state = new RngState { QuotaRemaining = 7 };
        SavedForms.Fill(state.Virtio, VirtioFeatures.Common);
        var driver = Driver();
        driver.Load(SavedForms.Own(RngState.Layout, state));

        Assert.That(SavedForms.AssertNothingIsLost(driver, Driver()), Is.True);
    }

    [Test]
    public void A_quota_that_is_partly_used_takes_a_section_of_ours([Values(99, 100)] int remaining)
    {
        var driver = Driver();
        driver.Load(SavedForms.Own(RngState.Layout, new RngState { QuotaRemaining = (ulong)remaining }));

        Assert.That(SavedForms.AssertNothingIsLost(driver, Driver()), Is.EqualTo(remaining < 100));
    }

    [Test]
    public void A_ring_at_address_0_goes_over_too()
    {
        var state = new RngState { QuotaRemaining = 100 };
        SavedForms.Fill(state.Virtio, VirtioFeatures.Common);
        state.Virtio.Queues[0].DescriptorAddress = 0;
        var driver = Driver();
        driver.Load(SavedForms.Own(RngState.Layout, state));

        Assert.That(SavedForms.AssertNothingIsLost(driver, Driver()), Is.True);
    }

    private MmioDriver Driver()
    {
        _drivers.Add(new MmioDriver(new VirtioContext(), context => new Rng(context, new ScriptedRng(), 100, TimeSpan.FromSeconds(1))));
        return _drivers[^1];
    }
}
