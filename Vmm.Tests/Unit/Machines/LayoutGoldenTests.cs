// Every layout of device state has a golden file. A stream of any released version must load in every later one, so a layout
// that changed needs a new version or a subsection, and then what it was before is kept beside what it is now: cpu.1.txt is
// the first cpu layout, cpu.txt today's. Nothing is overwritten by accident. A layout that has no file yet fails with the
// text to put there.

using System.Runtime.CompilerServices;
using Vmm.Core.Backends.Net;
using Vmm.Core.Chardevs;
using Vmm.Core.Configuration;
using Vmm.Core.Devices.Clock;
using Vmm.Core.Devices.Isa.Cmos;
using Vmm.Core.Devices.Isa.I8042;
using Vmm.Core.Devices.Isa.Serial;
using Vmm.Core.Devices.Model;
using Vmm.Core.Devices.Virtio.Block;
using Vmm.Core.Devices.Virtio.Console;
using Vmm.Core.Devices.Virtio.Net;
using Vmm.Core.Devices.Virtio.Rng;
using Vmm.Core.Devices.Virtio.Saved;
using Vmm.Core.Machines;
using Vmm.Core.State;
using Vmm.Kvm;
using Vmm.Tests.Unit.Devices;
using Vmm.Tests.Unit.Migration;

namespace Vmm.Tests.Unit.Machines;

[Parallelizable(ParallelScope.All)]
public sealed class LayoutGoldenTests
{
    [Test]
    [Promise(30)]
    public void Every_layout_of_a_machine_is_as_its_golden_file_says() => AssertGolden(LayoutsOfAMachine());

    // The layouts are data: they are there without a KVM device.
    [Test]
    [Promise(30)]
    public void Every_layout_of_KVMs_part_of_a_machine_is_as_its_golden_file_says() => AssertGolden(KvmHypervisor.Layouts);

    [Test]
    [Promise(30)]
    public void Every_section_of_a_saved_file_is_as_its_golden_file_says() =>
        AssertGolden(SavedLayouts, Folder("saved"));

    [Test]
    [Promise(30)]
    public void No_golden_file_is_ever_removed()
    {
        string[] known =
        [
            "timer", "mc146818rtc", "pckbd", "serial", "acpi_pm", "debugcon", "chardev", "chardev-log", "chardev-mux", "ringbuf", "globalstate",
            "virtio-blk", "virtio-console", "virtio-net", "virtio-rng", "netdev-stream",
            "kvm-i8259", "kvm-ioapic", "kvm-i8254", "kvmclock", "cpu",
        ];
        Assert.That(Directory.GetFiles(Folder(), "*.txt").Select(f => Path.GetFileNameWithoutExtension(f)!), Is.SupersetOf(known));
    }

    [TestCase("cpu", 1)]
    [TestCase("mc146818rtc", 1)]
    [Promise(40)]
    public void What_a_layout_was_before_is_read_by_what_it_is_now(string name, int earlier)
    {
        var layout = LayoutsOfAMachine().Concat(KvmHypervisor.Layouts).Single(l => l.Name == name);
        string before = File.ReadAllText(Path.Combine(Folder(), $"{name}.{earlier}.txt"));

        Assert.That(before, Is.Not.EqualTo(layout.Describe()));
        Assert.That(layout.Forms().Select(form => form.Text), Has.Member(before));
    }

    /// <summary>The layouts of sections of a saved file that differ from those of a live update.</summary>
    internal static IReadOnlyList<StateLayout> SavedLayouts { get; } =
    [
        GuestClockSavedForm.Record.Layout, SavedSerial.Layout, SavedCmos.Layout, I8042SavedForm.Record.Layout, GlobalStateSavedForm.Record.Layout, .. KvmHypervisor.SavedLayouts,
        BlockForm.Layout, BlockRest.Layout, NetForm.Layout, NetRest.Layout, ConsoleForm.Layout, ConsoleRest.Layout, RngForm.Layout, RngRest.Layout,
        SavedVirtio.Subsections,
    ];

    /// <summary>The layouts of all state that a machine has but for the hypervisor's, each once.</summary>
    internal static StateLayout[] LayoutsOfAMachine()
    {
        using var fixture = new HandoverFixture();
        var host = fixture.Host(fixture.Configuration with { Devices = [.. fixture.Configuration.Devices, DeviceOption.Parse("isa-debug-exit,iobase=0xf4")] });
        host.Do(host.Machine.PowerOn);
        return
        [
            .. host.Board.Sections.Select(s => s.Item.Layout)
                .Append(ChardevState.Layout)
                .Append(RingState.Layout)
                .Append(OutputLogState.Layout)
                .Append(MuxState.Layout)
                .Append(StreamState.Layout)
                .Concat(DeviceTypes.All.Where(IsOfTheProgram).SelectMany(type => type.Layouts))
                .Where(l => !l.Name.StartsWith("fake-", StringComparison.Ordinal))
                .DistinctBy(l => l.Name),
        ];
    }

    /// <summary>Compares layouts with their files; also for the hypervisors' own, from where there is one.</summary>
    /// <param name="layouts">The layouts.</param>
    /// <param name="folder">Where the files are, if they are no released layouts.</param>
    internal static void AssertGolden(IEnumerable<StateLayout> layouts, string? folder = null)
    {
        Assert.Multiple(() =>
        {
            foreach (var layout in layouts)
            {
                string file = Path.Combine(folder ?? Folder(), $"{layout.Name.Replace('/', '-')}.txt");
                string now = layout.Describe();
                if (File.Exists(file))
                {
                    Assert.That(now, Is.EqualTo(File.ReadAllText(file)), $"layout '{layout.Name}' changed without a new version: see {Path.GetFileName(file)}");
                }
                else
                {
                    Assert.Fail($"layout '{layout.Name}' has no golden file; if the layout is final, add {Path.GetRelativePath(Path.Combine(Folder(), "..", ".."), file)}:\n{now}");
                }
            }
        });
    }

    /// <summary>Tests have devices of their own, with files of their own.</summary>
    private static bool IsOfTheProgram(DeviceType type) => type.GetType().Assembly == typeof(DeviceType).Assembly;

    /// <summary>A folder of golden files.</summary>
    internal static string Folder(string name = "layouts", [CallerFilePath] string here = "") =>
        Path.Combine(Path.GetDirectoryName(here)!, "..", "..", "Golden", name);
}
