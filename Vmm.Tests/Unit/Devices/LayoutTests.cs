using Vmm.Core.Chardevs;
using Vmm.Core.Devices.Clock;
using Vmm.Core.Devices.Isa.Acpi;
using Vmm.Core.Devices.Isa.Cmos;
using Vmm.Core.Devices.Isa.I8042;
using Vmm.Core.Devices.Isa.Serial;
using Vmm.Core.State;

namespace Vmm.Tests.Unit.Devices;

/// <summary>
/// The layouts as released. A change here is a change of what streams look like: a new version or a new subsection, never an edit.
/// </summary>
[Parallelizable(ParallelScope.All)]
public sealed class LayoutTests
{
    public static IEnumerable<TestCaseData> Layouts()
    {
        yield return Case(SerialState.Layout, """
            serial v3
              divider uint16 2
              rbr uint8 1
              ier uint8 1
              lcr uint8 1
              mcr uint8 1
              lsr_errors uint8 1
              msr uint8 1
              scr uint8 1
              fcr uint8 1
              thr_ipending bool 1
              serial/recv_fifo v1
                count uint8 1
                data buffer 16
              serial/xmit_fifo v1
                count uint8 1
                data buffer 16

            """);
        yield return Case(CmosState.Layout, """
            mc146818rtc v2
              cmos_data buffer 128
              cmos_index uint8 1
              base_offset int64 8
              noticed int64 8 since 2

            """);
        yield return Case(I8042State.Layout, """
            pckbd v3
              write_cmd uint8 1
              status uint8 1
              mode uint8 1
              outport uint8 1
              obdata uint8 1

            """);
        yield return Case(AcpiState.Layout, """
            acpi_pm v1
              pm1.sts uint16 2
              pm1.en uint16 2
              pm1.cnt uint16 2
              tmr.acknowledged uint64 8

            """);
        yield return Case(GuestClockState.Layout, """
            timer v3
              cpu_clock_offset int64 8
              frozen bool 1
              frozen_at int64 8

            """);
        yield return Case(ChardevState.Layout, """
            chardev v1
              queued int32 4
              chardev/output v1
                bytes buffer 4096

            """);
    }

    [TestCaseSource(nameof(Layouts))]
    public void Layout_is_as_released(StateLayout layout, string released) =>
        Assert.That(layout.Describe(), Is.EqualTo(released));

    private static TestCaseData Case(StateLayout layout, string released) =>
        new TestCaseData(layout, released).SetName($"Layout_of_{layout.Name}_is_as_released");
}
