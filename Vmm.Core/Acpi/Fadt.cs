// The fixed ACPI description table: where the fixed hardware is and how the machine behaves.
//
// The machine is in ACPI mode from the start: there is no SMI_CMD to switch it. The power button is the fixed one of the
// PM1 block (PWR_BUTTON clear); the control-method button of the DSDT is there for guests that look for one, but it has no
// event of its own, so a press arrives once. There is no sleep button, no GPE block, no C2 or C3. No keyboard controller is
// announced: port 0x64 only resets, and a guest that probed it for a keyboard would wait in vain.
// Source: ACPI specification 6.5, chapter 5.2.9. Offsets below count from the start of the table.

using System.Buffers.Binary;

namespace Vmm.Core.Acpi;

/// <summary>Writes the FADT.</summary>
internal static class Fadt
{
    private const byte Revision = 6;
    private const byte MinorRevision = 5;
    private const int Length = 276;

    private const ushort NoC2 = 0xffff;
    private const ushort NoC3 = 0xffff;
    private const byte CenturyRegister = 0x32;

    private const ushort LegacyDevices = 1 << 0;
    private const ushort NoVga = 1 << 2;

    private const uint WriteBackInvalidate = 1 << 0; // WBINVD
    private const uint C1OnEveryCpu = 1 << 2; // PROC_C1
    private const uint NoFixedSleepButton = 1 << 5; // SLP_BUTTON
    private const uint NoFixedRtcWake = 1 << 6; // FIX_RTC
    private const uint ResetRegister = 1 << 10; // RESET_REG_SUP

    /// <summary>The table, pointing at the FACS and the DSDT.</summary>
    internal static byte[] Create(FixedHardware hardware, uint facs, uint dsdt)
    {
        byte[] body = new byte[Length - SystemTable.HeaderLength];
        var table = new Fields(body);
        table.Dword(36, facs);
        table.Dword(40, dsdt);
        table.Word(46, hardware.SystemControlInterrupt);
        table.Dword(48, hardware.SmiCommandPort);
        table.Dword(56, hardware.EventPort);
        table.Dword(64, hardware.ControlPort);
        table.Dword(76, hardware.TimerPort);
        table.Byte(88, hardware.EventLength);
        table.Byte(89, hardware.ControlLength);
        table.Byte(91, hardware.TimerLength);
        table.Word(96, NoC2);
        table.Word(98, NoC3);
        table.Byte(108, CenturyRegister);
        table.Word(109, LegacyDevices | NoVga);
        table.Dword(112, WriteBackInvalidate | C1OnEveryCpu | NoFixedSleepButton | NoFixedRtcWake | ResetRegister);
        table.Register(116, hardware.ResetPort, bits: 8, AccessSize.Byte);
        table.Byte(128, hardware.ResetValue);
        table.Byte(131, MinorRevision);
        table.Qword(140, dsdt);
        table.Register(148, hardware.EventPort, bits: 8 * hardware.EventLength, AccessSize.Word);
        table.Register(172, hardware.ControlPort, bits: 8 * hardware.ControlLength, AccessSize.Word);
        table.Register(208, hardware.TimerPort, bits: 8 * hardware.TimerLength, AccessSize.Dword);
        "VMM"u8.CopyTo(body.AsSpan(268 - SystemTable.HeaderLength));
        return SystemTable.Create("FACP", Revision, body);
    }

    private enum AccessSize : byte
    {
        Byte = 1,
        Word = 2,
        Dword = 3,
    }

    /// <summary>The table's contents by the specification's offsets.</summary>
    private readonly ref struct Fields(Span<byte> body)
    {
        private readonly Span<byte> _body = body;

        internal void Byte(int offset, byte value) => At(offset)[0] = value;

        internal void Word(int offset, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(At(offset), value);

        internal void Dword(int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(At(offset), value);

        internal void Qword(int offset, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(At(offset), value);

        /// <summary>A generic address structure: space, width, bit offset, access size, address.</summary>
        internal void Register(int offset, ushort port, int bits, AccessSize access)
        {
            const byte PortSpace = 1;
            Byte(offset, PortSpace);
            Byte(offset + 1, (byte)bits);
            Byte(offset + 3, (byte)access);
            Qword(offset + 4, port);
        }

        private Span<byte> At(int offset) => _body[(offset - SystemTable.HeaderLength)..];
    }
}
