// The pages of stopped RAM, each once, in the records of QEMU's streams: the page's offset with flags in its low bits, the block's name where it is another than
// that of the page before, and either the page or, of one that is all zeros, a single byte. Holes of the file behind a block are zeros without being read.
//
// Two buffers take turns: one is filled from RAM while the other is written to the stream.

using System.Buffers.Binary;
using System.Text;
using Vmm.Core.Memory;
using Vmm.Migration.Channels;

namespace Vmm.Migration.Streams;

/// <summary>Writes RAM to a stream.</summary>
/// <param name="write">Writes bytes to the stream.</param>
/// <param name="progress">What is counted.</param>
internal sealed class RamWriter(RamWriter.WriteAll write, RamProgress progress)
{
    /// <summary>What is read of a block at once.</summary>
    private const int Batch = 1 << 20;

    private const int LargestRecord = sizeof(ulong) + 1 + byte.MaxValue + VmStateStream.PageSize;

    private readonly byte[] _pages = new byte[Batch];
    private byte[] _out = new byte[Batch + LargestRecord];
    private byte[] _other = new byte[Batch + LargestRecord];
    private Task _writing = Task.CompletedTask;
    private int _length;
    private byte[]? _name;

    /// <summary>Writes all bytes, or throws.</summary>
    internal delegate void WriteAll(ReadOnlySpan<byte> bytes);

    /// <summary>Writes every page of some blocks.</summary>
    /// <exception cref="IOException">The host cannot provide a page, or the stream cannot be written.</exception>
    internal void Write(IReadOnlyList<RamBlock> blocks)
    {
        try
        {
            foreach (var block in blocks)
            {
                _name = Encoding.UTF8.GetBytes(block.Name);
                Write(block);
            }

            Flush();
            WaitWritten();
        }
        catch
        {
            Settle();
            throw;
        }
    }

    private void Write(RamBlock block)
    {
        for (ulong position = 0; position < block.Size;)
        {
            ulong data = block.NextData(position);
            progress.CountFill((data - position) / VmStateStream.PageSize);
            for (; position < data; position += VmStateStream.PageSize)
            {
                Begin(position, VmStateStream.RamFill);
                _out[_length++] = 0;
            }

            int count = (int)Math.Min(Batch, block.Size - position);
            block.Read(position, _pages.AsSpan(0, count));
            for (int at = 0; at < count; at += VmStateStream.PageSize)
            {
                var page = _pages.AsSpan(at, VmStateStream.PageSize);
                if (page.ContainsAnyExcept((byte)0))
                {
                    Begin(position + (ulong)at, VmStateStream.RamPage);
                    page.CopyTo(_out.AsSpan(_length));
                    _length += page.Length;
                    progress.CountData(1);
                }
                else
                {
                    Begin(position + (ulong)at, VmStateStream.RamFill);
                    _out[_length++] = 0;
                    progress.CountFill(1);
                }
            }

            position += (ulong)count;
        }
    }

    /// <summary>Writes what comes before a page's bytes.</summary>
    private void Begin(ulong offset, ulong kind)
    {
        if (_out.Length - _length < LargestRecord)
        {
            Flush();
        }

        BinaryPrimitives.WriteUInt64BigEndian(_out.AsSpan(_length), offset | kind | (_name is null ? VmStateStream.RamSameBlock : 0));
        _length += sizeof(ulong);
        if (_name is not null)
        {
            _out[_length++] = (byte)_name.Length;
            _name.CopyTo(_out.AsSpan(_length));
            _length += _name.Length;
            _name = null;
        }
    }

    private void Flush()
    {
        WaitWritten();
        (byte[] full, int length) = (_out, _length);
        (_out, _other, _length) = (_other, _out, 0);
        _writing = Task.Run(() => write(full.AsSpan(0, length)));
    }

    /// <summary>After a failure: no write is in progress when the stream is closed.</summary>
    private void Settle()
    {
        try
        {
            WaitWritten();
        }
        catch (Exception e) when (e is IOException or HandoverException or ObjectDisposedException)
        {
            // It is what failed, or it failed because the stream was given up; the first failure is the one to report.
        }
    }

    /// <summary>Where the host has no thread for it, the waiting one writes.</summary>
    private void WaitWritten() => _writing.GetAwaiter().GetResult();
}
