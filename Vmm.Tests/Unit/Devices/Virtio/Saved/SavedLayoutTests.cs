using System.Runtime.CompilerServices;
using Vmm.Core.Devices.Virtio.Block;
using Vmm.Core.Devices.Virtio.Console;
using Vmm.Core.Devices.Virtio.Net;
using Vmm.Core.Devices.Virtio.Rng;
using Vmm.Core.Devices.Virtio.Saved;
using Vmm.Core.State;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Devices.Virtio.Saved;

/// <summary>What virtio devices are in a saved file. QEMU's sections never change; ours grow as other layouts do.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class SavedLayoutTests
{
    private static readonly StateLayout[] Sections =
    [
        BlockForm.Layout, BlockRest.Layout, ConsoleForm.Layout, ConsoleRest.Layout, NetForm.Layout, NetRest.Layout, RngForm.Layout, RngRest.Layout,
    ];

    [Test]
    public void Every_section_of_a_device_is_as_its_golden_file_says() => LayoutGoldenTests.AssertGolden(Sections, Folder());

    [Test]
    public void What_is_in_a_field_of_QEMUs_is_as_its_golden_file_says() => LayoutGoldenTests.AssertGolden([SavedVirtio.Subsections], Folder());

    private static string Folder([CallerFilePath] string here = "") =>
        Path.Combine(Path.GetDirectoryName(here)!, "..", "..", "..", "..", "Golden", "saved");
}
