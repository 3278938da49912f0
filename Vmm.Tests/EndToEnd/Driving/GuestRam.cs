// A guest's RAM seen from outside: its memfd through /proc/PID/fd. The file is the guest's memory itself, so one that was
// opened before a live update shows the same guest after it.

using System.Buffers.Binary;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using Vmm.Lab.Drivers;

namespace Vmm.Tests.EndToEnd.Driving;

/// <summary>Access to the RAM of a running vmm's guest.</summary>
internal sealed class GuestRam : IAsyncDisposable
{
    private const long Counter = 0x200000;
    private const long Go = 0x200008;
    private const long Change = 0x20000c;
    private const long DiskQueues = 0x200040;
    private const long NetworkPairs = 0x200060;
    private const long NetworkChanges = 0x200080;
    private const long Slots = 0x9000;
    private const int SlotSize = 64;
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(2);

    private readonly SafeFileHandle _file;

    private GuestRam(SafeFileHandle file) => _file = file;

    /// <summary>Finds the RAM among a process's descriptors: the memfd of its size.</summary>
    internal static GuestRam Of(VmmProcess process, long size = TinyMachine.RamSize)
    {
        foreach (string link in Directory.EnumerateFileSystemEntries($"/proc/{process.Pid}/fd"))
        {
            if (new FileInfo(link).LinkTarget?.StartsWith("/memfd:", StringComparison.Ordinal) == true)
            {
                var file = File.OpenHandle(link, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
                if (RandomAccess.GetLength(file) == size)
                {
                    return new GuestRam(file);
                }

                file.Dispose();
            }
        }

        throw new InvalidOperationException($"process {process.Pid} has no memfd of {size} bytes");
    }

    /// <summary>RAM that is in a file with a name.</summary>
    internal static GuestRam OfFile(string path) => new(File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite));

    /// <summary>The guest's count.</summary>
    internal ulong Count => BinaryPrimitives.ReadUInt64LittleEndian(Read(Counter, 8));

    /// <summary>What the vCPU with an APIC id counted, in the guest <c>smp</c>.</summary>
    internal uint Slot(int apicId) => BinaryPrimitives.ReadUInt32LittleEndian(Read(Slots + (SlotSize * apicId), 4));

    /// <summary>Waits until each request that the guest has in flight on a disk was done from now on, and made again.</summary>
    internal async Task WaitForAllRequestsAsync(DiskLog disk)
    {
        uint[] now = disk.Counts(Read);
        await UntilAsync(() => !disk.Waiting(now, Read).Any(), "a request of the disk is not done");
    }

    /// <summary>Waits until each queue of the disk has given something back from now on, in the guest <c>queues</c>.</summary>
    internal Task WaitForProgressOfQueuesAsync(int queues) => WaitForProgressAsync(DiskQueues, queues, "queue");

    /// <summary>Waits until each pair of queues of the network card has received a frame from now on, in the guest <c>queues</c>.</summary>
    internal Task WaitForProgressOfPairsAsync(int pairs) => WaitForProgressAsync(NetworkPairs, pairs, "pair");

    /// <summary>I/O APICs that the guest's ACPI tables announce: entries of type 1 in its MADT.</summary>
    internal int AnnouncedIoApics()
    {
        const long Tables = 0xe0000;
        const int FirstEntry = 44;
        byte[] tables = Read(Tables, 0x10000);
        int madt = tables.AsSpan().IndexOf("APIC"u8);
        int end = madt + BinaryPrimitives.ReadInt32LittleEndian(tables.AsSpan(madt + 4));
        int found = 0;
        for (int entry = madt + FirstEntry; entry < end; entry += tables[entry + 1])
        {
            found += tables[entry] == 1 ? 1 : 0;
        }

        return found;
    }

    /// <summary>Lets a guest continue that waits for it.</summary>
    internal void ReleaseGuest() => RandomAccess.Write(_file, [1], Go);

    /// <summary>Has the driver of the network card use one pair of queues and all of them in turn, in the guest <c>queues</c>.</summary>
    internal void ChangePairs() => RandomAccess.Write(_file, [1], Change);

    /// <summary>Waits until the number of pairs has changed from now on, in the guest <c>queues</c>.</summary>
    internal Task WaitForChangeOfPairsAsync() => WaitForProgressAsync(NetworkChanges, 1, "number of changes");

    /// <summary>A digest of all RAM.</summary>
    internal string Digest() => Convert.ToHexString(SHA256.HashData(Read(0, (int)TinyMachine.RamSize)));

    /// <summary>Waits until the guest has counted past a number. Nothing reports memory that changes, so this looks again and again.</summary>
    internal async Task<ulong> WaitPastAsync(ulong count)
    {
        await UntilAsync(() => Count > count, $"the count stays at {count}");
        return Count;
    }

    /// <summary>Waits until the guest has counted on from where it is now.</summary>
    internal Task<ulong> WaitForProgressAsync() => WaitPastAsync(Count);

    /// <summary>Waits until each of the first vCPUs has counted on from where it is now.</summary>
    internal async Task WaitForProgressOfAllAsync(int vcpus)
    {
        for (int id = 0; id < vcpus; id++)
        {
            uint now = Slot(id);
            await UntilAsync(() => Slot(id) != now, $"vCPU {id} stays at {now}");
        }
    }

    /// <summary>Reads a part of it.</summary>
    internal byte[] Read(long offset, int length)
    {
        var bytes = new byte[length];
        return RandomAccess.Read(_file, bytes, offset) == length ? bytes : throw new EndOfStreamException($"RAM ends before {offset + length}");
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _file.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task WaitForProgressAsync(long counts, int number, string name)
    {
        for (int i = 0; i < number; i++)
        {
            ulong now = Count(i);
            await UntilAsync(() => Count(i) != now, $"{name} {i} stays at {now}");
        }

        ulong Count(int i) => BinaryPrimitives.ReadUInt64LittleEndian(Read(counts + (8 * i), 8));
    }

    private static async Task UntilAsync(Func<bool> condition, string otherwise)
    {
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        while (!condition())
        {
            if (deadline.IsCancellationRequested)
            {
                throw new TimeoutException($"{otherwise} for {Timeouts.Answer.TotalSeconds} s");
            }

            await Task.Delay(Poll);
        }
    }
}
