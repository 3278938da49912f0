using Vmm.Core.Devices.Clock;
using Vmm.Core.Devices.Isa.Cmos;
using Vmm.Core.Devices.Isa.I8042;
using Vmm.Core.Devices.Isa.Serial;
using Vmm.Core.Devices.Virtio.Rng;
using Vmm.Core.State;
using Vmm.Kvm.Clocks;
using Vmm.Kvm.Devices;
using Vmm.Tests.Unit.Cpus;
using Vmm.Tests.Unit.Devices.Saved;
using Vmm.Tests.Unit.Devices.Virtio;
using Vmm.Tests.Unit.Devices.Virtio.Block;
using Vmm.Tests.Unit.Devices.Virtio.Console;
using Vmm.Tests.Unit.Devices.Virtio.Net;
using Vmm.Tests.Unit.Devices.Virtio.Saved;

namespace Vmm.Tests.Fuzz;

/// <summary>Sections of a saved file that no program ever wrote, in QEMU's layouts and in ours beside them; seeded, so that a failure comes again.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SavedFormFuzzTests : IDisposable
{
    private readonly string _image = BlockDriver.NewImage();
    private readonly List<IDisposable> _owned = [];

    public void Dispose()
    {
        _owned.ForEach(one => one.Dispose());
        File.Delete(_image);
    }

    [TestCase(5_000)]
    [Soak(1_000_000)]
    [Promise(56)]
    public void An_object_refuses_its_sections_or_can_be_saved_again(int cases)
    {
        Target[] targets = [.. Targets()];
        int refused = 0;
        for (int seed = 0; seed < cases; seed++)
        {
            var random = new Random(seed);
            var target = targets[seed % targets.Length];
            try
            {
                Load(random, target);
            }
            catch (StateException refusal)
            {
                Assert.That(refusal.Message, Is.Not.Empty);
                refused++;
                continue;
            }
            catch (Exception e)
            {
                Assert.Fail($"seed {seed}: {e}");
            }

            Assert.That(() => SavedFile.Of(target.Form()), Throws.Nothing, $"seed {seed}");
        }

        Assert.That(refused, Is.InRange(cases / 20, cases * 9 / 10));
    }

    private static void Load(Random random, Target target)
    {
        var form = target.Form();
        foreach (var part in form.Parts)
        {
            if (target.Sections.TryGetValue($"{part.Name} {part.Instance}", out byte[]? section))
            {
                part.Load(new StateReader(StateFuzzTests.Mutate(random, section)) { SectionVersion = part.Layout.Version });
            }
        }

        form.Restore();
    }

    private IEnumerable<Target> Targets()
    {
        yield return Target.Of(GuestClockState.Layout, new GuestClockState { Frozen = true }, item => new GuestClockSavedForm(item, "timer", 0));
        yield return Target.Of(CmosState.Layout, new CmosState { EventsSeenUntil = DateTime.UnixEpoch.Ticks }, item => new CmosSavedForm(item, "mc146818rtc", 0));
        yield return Target.Of(I8042State.Layout, new I8042State { OutputPort = 1 }, item => new I8042SavedForm(item, "pckbd", 0));
        yield return Target.Of(
            SerialState.Layout, new SerialState { FifoControl = 1, ReceiveCount = 3, TransmitCount = 3, InterruptEnable = 3 }, item => new SerialSavedForm(item, "serial", 0));
        yield return Target.Of(KvmClockState.Layout, new KvmClockState { Frozen = true }, item => new KvmClockSavedForm(item, "kvmclock", 0));
        yield return Target.Of(KvmInterruptController.PicLayout, new KvmDeviceState(KvmInterruptController.PicSize), item => new PicSavedForm(item, 0, isSlave: false));
        yield return Target.Of(KvmInterruptController.IoApicLayout, new KvmDeviceState(KvmInterruptController.IoApicSize), item => new IoApicSavedForm(item, 0));
        yield return Target.Of(KvmPit.PitLayout, WithSpeaker(), item => new PitSavedForm(item, 0));
        var vcpu = new SavedVcpu();
        yield return new(() => vcpu.CreateSavedForm("cpu", 0)!);
        foreach (var (driver, section) in VirtioDrivers())
        {
            driver.Transport.Quiesce();
            SavedForms.Load(driver.Transport, section);

            // What QEMU does not have makes a section of ours.
            driver.Write(Vmm.Core.Devices.Virtio.Transports.Mmio.VirtioMmioRegisters.QueueSelect, 0x12345);
            yield return new(() => driver.Transport.CreateSavedForm("virtio-mmio/virtio", 0)!);
        }
    }

    private IEnumerable<(MmioDriver Driver, byte[] Section)> VirtioDrivers()
    {
        yield return (Owned(new BlockDriver(_image, new() { QueueSize = 8 }, 0)).Driver, QemuSections.Block);
        yield return (Owned(new NetGuest(new(queues: 2), new() { Pairs = 2 })).Driver, QemuSections.NetWithPairs);
        yield return (Owned(new ConsoleGuest(ConsoleGuest.Console(0, new ManualChardev()), ConsoleGuest.SerialPort(2, new ManualChardev()))).Driver, QemuSections.Console);
        yield return (Owned(new MmioDriver(new VirtioContext(), context => new Rng(context, new ScriptedRng(), 100, TimeSpan.FromSeconds(1)))), QemuSections.Rng);
    }

    private T Owned<T>(T one)
        where T : IDisposable
    {
        _owned.Add(one);
        return one;
    }

    private static KvmDeviceState WithSpeaker()
    {
        var state = new KvmDeviceState(KvmPit.Size);
        state.Bytes[72] = 2;
        return state;
    }

    /// <summary>An object, and its sections as it saves them.</summary>
    private sealed class Target(Func<SavedForm> form)
    {
        internal Func<SavedForm> Form => form;

        internal Dictionary<string, byte[]> Sections { get; } = SavedFile.Of(form());

        internal static Target Of<T>(StateLayout<T> layout, T record, Func<IStateful, SavedForm> form)
            where T : class
        {
            var holder = new RecordHolder<T>(layout, record);
            return new(() => form(holder));
        }
    }
}
