// The area that XSAVE writes: x87 and SSE registers in the legacy part, then a header, then components. QEMU's section has the registers one by one, in
// the processor's order of bytes; what is between them, and components that it has no place for, are in the rest.
//
// The x87 tag word is there in its short form, a bit for each register that is in use, and so it is in QEMU's field.

using System.Buffers.Binary;

namespace Vmm.Kvm.Cpus.Saved;

/// <summary>The vector state and the section.</summary>
internal static class CpuVectors
{
    private const int ControlWord = 0;
    private const int StatusWord = 2;
    private const int TagByte = 4;
    private const int Opcode = 6;
    private const int InstructionPointer = 8;
    private const int DataPointer = 16;
    private const int Mxcsr = 24;
    private const int FloatRegisters = 32;
    private const int FloatRegisterSize = 16;
    private const int XmmRegisters = 160;
    private const int XstateBv = 512;

    internal static void Fill(SavedCpu cpu, ReadOnlySpan<byte> own, SavedCpuModel model)
    {
        cpu.Fpuc = BinaryPrimitives.ReadUInt16LittleEndian(own[ControlWord..]);
        cpu.Fpus = BinaryPrimitives.ReadUInt16LittleEndian(own[StatusWord..]);
        cpu.Fptag = own[TagByte];
        cpu.FpregsFormat = 0;
        cpu.Fpop = BinaryPrimitives.ReadUInt16LittleEndian(own[Opcode..]);
        cpu.Fpip = BinaryPrimitives.ReadUInt64LittleEndian(own[InstructionPointer..]);
        cpu.Fpdp = BinaryPrimitives.ReadUInt64LittleEndian(own[DataPointer..]);
        cpu.Mxcsr = BinaryPrimitives.ReadUInt32LittleEndian(own[Mxcsr..]);
        for (int i = 0; i < cpu.Fpregs.Length; i++)
        {
            var register = own[(FloatRegisters + (FloatRegisterSize * i))..];
            cpu.Fpregs[i].Mantissa = BinaryPrimitives.ReadUInt64LittleEndian(register);
            cpu.Fpregs[i].Exponent = BinaryPrimitives.ReadUInt16LittleEndian(register[sizeof(ulong)..]);
        }

        cpu.XstateBv = BinaryPrimitives.ReadUInt64LittleEndian(own[XstateBv..]);
        foreach (var (offset, number) in Numbers(model))
        {
            number(cpu) = BinaryPrimitives.ReadUInt64LittleEndian(own[offset..]);
        }

        cpu.Pkru = model.Pkru != 0 ? BinaryPrimitives.ReadUInt32LittleEndian(own[model.Pkru..]) : 0;
    }

    internal static LayFields Lay(SavedCpu cpu, SavedCpuModel model) => own =>
    {
        HeldBits.Require("cpu.env.fpregs_format_vmstate", cpu.FpregsFormat, 0, 0);
        BinaryPrimitives.WriteUInt16LittleEndian(own[ControlWord..], cpu.Fpuc);
        BinaryPrimitives.WriteUInt16LittleEndian(own[StatusWord..], cpu.Fpus);
        own[TagByte] = (byte)HeldBits.Require("cpu.env.fptag_vmstate", cpu.Fptag, 0, byte.MaxValue);
        BinaryPrimitives.WriteUInt16LittleEndian(own[Opcode..], cpu.Fpop);
        BinaryPrimitives.WriteUInt64LittleEndian(own[InstructionPointer..], cpu.Fpip);
        BinaryPrimitives.WriteUInt64LittleEndian(own[DataPointer..], cpu.Fpdp);
        BinaryPrimitives.WriteUInt32LittleEndian(own[Mxcsr..], cpu.Mxcsr);
        for (int i = 0; i < cpu.Fpregs.Length; i++)
        {
            var register = own[(FloatRegisters + (FloatRegisterSize * i))..];
            BinaryPrimitives.WriteUInt64LittleEndian(register, cpu.Fpregs[i].Mantissa);
            BinaryPrimitives.WriteUInt16LittleEndian(register[sizeof(ulong)..], cpu.Fpregs[i].Exponent);
        }

        BinaryPrimitives.WriteUInt64LittleEndian(own[XstateBv..], cpu.XstateBv);
        foreach (var (offset, number) in Numbers(model))
        {
            BinaryPrimitives.WriteUInt64LittleEndian(own[offset..], number(cpu));
        }

        if (model.Pkru != 0)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(own[model.Pkru..], cpu.Pkru);
        }
    };

    /// <summary>Where each 64 bits of the vector registers are, and which field that is.</summary>
    private static IEnumerable<(int Offset, Number Field)> Numbers(SavedCpuModel model)
    {
        for (int register = 0; register < SavedCpu.VectorRegisters; register++)
        {
            int r = register;
            for (int quad = 0; quad < 8; quad++)
            {
                int q = quad;
                int offset = quad switch
                {
                    < 2 => XmmRegisters + (16 * r) + (8 * q),
                    < 4 => model.Ymm == 0 ? 0 : model.Ymm + (16 * r) + (8 * (q - 2)),
                    _ => model.ZmmHigh == 0 ? 0 : model.ZmmHigh + (32 * r) + (8 * (q - 4)),
                };
                if (offset != 0)
                {
                    yield return (offset, s => ref s.Vectors[r].Quads[q]);
                }

                if (model.Zmm16 != 0)
                {
                    yield return (model.Zmm16 + (64 * r) + (8 * q), s => ref s.HighVectors[r].Quads[q]);
                }
            }
        }

        for (int mask = 0; model.Opmask != 0 && mask < 8; mask++)
        {
            int m = mask;
            yield return (model.Opmask + (8 * m), s => ref s.Opmask[m]);
        }
    }

    private delegate ref ulong Number(SavedCpu cpu);
}
