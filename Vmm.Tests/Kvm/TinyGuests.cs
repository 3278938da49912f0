using System.Buffers.Binary;

namespace Vmm.Tests.Kvm;

/// <summary>Real-mode code, by hand. All run at 0x1000 with flat segments of base 0.</summary>
internal static class TinyGuests
{
    /// <summary>Counts at 0x2000 indefinitely and never leaves the guest.</summary>
    internal static ReadOnlySpan<byte> Counting =>
    [
        0x66, 0xff, 0x06, 0x00, 0x20, // inc dword [0x2000]
        0xeb, 0xf9,                   // jmp $-5
    ];

    /// <summary>Counts at 0x2000 and writes each count to port 0x10.</summary>
    internal static ReadOnlySpan<byte> Reporting =>
    [
        0x66, 0xff, 0x06, 0x00, 0x20, // inc dword [0x2000]
        0x66, 0xa1, 0x00, 0x20,       // mov eax, [0x2000]
        0x66, 0xe7, 0x10,             // out 0x10, eax
        0xeb, 0xf2,                   // jmp $-12
    ];

    /// <summary>Counts in ECX and at 0x2000 and writes port 0x11 as soon as the two differ: no instruction may be lost or repeated.</summary>
    internal static ReadOnlySpan<byte> Comparing =>
    [
        0x66, 0x31, 0xc9,             // xor ecx, ecx
        0x66, 0x41,                   // inc ecx
        0x66, 0xff, 0x06, 0x00, 0x20, // inc dword [0x2000]
        0x66, 0x3b, 0x0e, 0x00, 0x20, // cmp ecx, [0x2000]
        0x74, 0xf2,                   // je $-12
        0xe6, 0x11,                   // out 0x11, al
        0xf4,                         // hlt
    ];

    /// <summary>Reads port 0x11 and writes what it got to port 0x10.</summary>
    internal static ReadOnlySpan<byte> Echoing =>
    [
        0x66, 0xe5, 0x11, // in eax, 0x11
        0x66, 0xe7, 0x10, // out 0x10, eax
        0xeb, 0xf8,       // jmp $-6
    ];

    /// <summary>Writes the 256 bytes at 0x3000 to port 0x10 with one REP OUTSB, over and over.</summary>
    internal static ReadOnlySpan<byte> Streaming =>
    [
        0xba, 0x10, 0x00, // mov dx, 0x10
        0xb9, 0x00, 0x01, // mov cx, 256
        0xbe, 0x00, 0x30, // mov si, 0x3000
        0xf3, 0x6e,       // rep outsb
        0xeb, 0xf6,       // jmp to mov cx
    ];

    /// <summary>Reads 64 words from port 0x11 to 0x4000 with one REP INSW, writes port 0x10 and halts.</summary>
    internal static ReadOnlySpan<byte> Gathering =>
    [
        0xba, 0x11, 0x00, // mov dx, 0x11
        0xb9, 0x40, 0x00, // mov cx, 64
        0xbf, 0x00, 0x40, // mov di, 0x4000
        0xf3, 0x6d,       // rep insw
        0xe6, 0x10,       // out 0x10, al
        0xf4,             // hlt
    ];

    /// <summary>Like <see cref="Gathering"/> with 600 words, more than the 1024 bytes that KVM reads ahead: it leaves the guest twice.</summary>
    internal static byte[] GatheringMany
    {
        get
        {
            const int OffsetOfCount = 4;
            byte[] code = Gathering.ToArray();
            BinaryPrimitives.WriteUInt16LittleEndian(code.AsSpan(OffsetOfCount), 600);
            return code;
        }
    }

    /// <summary>Reads 4 bytes above the memory, writes them 16 bytes further, then port 0x10.</summary>
    internal static ReadOnlySpan<byte> ReachingOut =>
    [
        0xb8, 0xff, 0xff,                   // mov ax, 0xffff
        0x8e, 0xc0,                         // mov es, ax
        0x26, 0x66, 0xa1, 0x20, 0x00,       // mov eax, [es:0x20]    0x100010
        0x26, 0x66, 0xa3, 0x30, 0x00,       // mov [es:0x30], eax    0x100020
        0x66, 0xe7, 0x10,                   // out 0x10, eax
        0xf4,                               // hlt
    ];

    /// <summary>Writes 4 bytes at 0x100020, then port 0x10.</summary>
    internal static ReadOnlySpan<byte> WritingAbove =>
    [
        0xb8, 0xff, 0xff,                   // mov ax, 0xffff
        0x8e, 0xc0,                         // mov es, ax
        0x26, 0x66, 0xa3, 0x30, 0x00,       // mov [es:0x30], eax    0x100020
        0x66, 0xe7, 0x10,                   // out 0x10, eax
        0xf4,                               // hlt
    ];

    /// <summary>Programs the PIC and the PIT for 100 interrupts a second, halts between them; the handler counts and reports.</summary>
    internal static byte[] Ticking => WithHandler(
    [
        .. PicAtVector20(mask: 0xfe),
        0xb0, 0x34, 0xe6, 0x43, // PIT channel 0, both bytes, rate generator
        0xb0, 0x9c, 0xe6, 0x40,
        0xb0, 0x2e, 0xe6, 0x40, // 11932: 10 ms
        0xfb,                   // sti
        0xf4,                   // hlt
        0xeb, 0xfd,             // jmp to hlt
    ]);

    /// <summary>Keeps interrupts off and reports, until the word at 0x2004 is set; then lets one in, whose handler counts.</summary>
    internal static byte[] InterruptsOff => WithHandler(
    [
        .. PicAtVector20(mask: 0xef),
        0xe6, 0x12,                   // out 0x12, al
        0x83, 0x3e, 0x04, 0x20, 0x00, // cmp word [0x2004], 0
        0x74, 0xf7,                   // je to out
        0xfb,                         // sti
        0xf4,                         // hlt
        0xeb, 0xfd,                   // jmp to hlt
    ]);

    private static ReadOnlySpan<byte> Handler =>
    [
        0x66, 0xff, 0x06, 0x00, 0x20, // inc dword [0x2000]
        0x66, 0xa1, 0x00, 0x20,       // mov eax, [0x2000]
        0x66, 0xe7, 0x10,             // out 0x10, eax
        0xb0, 0x20, 0xe6, 0x20,       // end of interrupt
        0xcf,                         // iret
    ];

    /// <summary>Vector 0x20 to 0x27, all at the handler.</summary>
    internal static void InstallVectors(Span<byte> memory)
    {
        for (int vector = 0x20; vector < 0x28; vector++)
        {
            memory[4 * vector] = 0;
            memory[(4 * vector) + 1] = 0x11; // 0000:1100
        }
    }

    private static byte[] PicAtVector20(byte mask) =>
    [
        0xb0, 0x11, 0xe6, 0x20,
        0xb0, 0x20, 0xe6, 0x21,
        0xb0, 0x04, 0xe6, 0x21,
        0xb0, 0x01, 0xe6, 0x21,
        0xb0, mask, 0xe6, 0x21,
    ];

    private static byte[] WithHandler(ReadOnlySpan<byte> code)
    {
        const int HandlerOffset = 0x100;
        var bytes = new byte[HandlerOffset + Handler.Length];
        code.CopyTo(bytes);
        Handler.CopyTo(bytes.AsSpan(HandlerOffset));
        return bytes;
    }
}
