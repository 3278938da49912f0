// One 64-bit word that two processes see: the first eight bytes of a sealed memfd that both have mapped.
//
// The process that maps it checks first that the file is what it must be (one page, sealed against resizing), because a file that can shrink
// turns a read of the word into SIGBUS, and that would kill the process that owns a guest.

using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;

namespace Vmm.Core.Memory;

/// <summary>A 64-bit word shared with another process, changed only by compare-and-swap.</summary>
public sealed unsafe class SharedWord : IDisposable
{
    private readonly SafeFileHandle _file;
    private ulong* _word;

    private SharedWord(SafeFileHandle file)
    {
        _file = file;
        _word = (ulong*)Mapping.MapShared(file, Environment.SystemPageSize);
    }

    /// <summary>The memfd behind the word, to be handed to the other process.</summary>
    public SafeFileHandle File => _file;

    /// <summary>The word now.</summary>
    public ulong Value
    {
        get
        {
            ObjectDisposedException.ThrowIf(_word is null, this);

            // The mapping lives until Dispose, is one page and cannot shrink: the address is always good here.
            return Volatile.Read(ref *_word);
        }
    }

    /// <summary>Makes a new word in a file of its own.</summary>
    /// <param name="name">The memfd's name, as /proc shows it.</param>
    /// <param name="value">The first value.</param>
    public static SharedWord Create(string name, ulong value)
    {
        var file = Memfd.Create(name, Environment.SystemPageSize);
        try
        {
            Memfd.SealSize(file);
            var word = new SharedWord(file);
            *word._word = value;
            return word;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Maps a word that another process made. The handle belongs to the word from here on, also when this fails.</summary>
    /// <exception cref="IOException">The file is no sealed memfd of one page.</exception>
    public static SharedWord Open(SafeFileHandle file)
    {
        try
        {
            if (!Memfd.IsSizeSealed(file) || RandomAccess.GetLength(file) != Environment.SystemPageSize)
            {
                throw new IOException($"a memfd of {Environment.SystemPageSize} bytes, sealed against resizing, was expected");
            }

            return new SharedWord(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Replaces <paramref name="expected"/> by <paramref name="next"/>, in one step that both processes agree on.</summary>
    /// <returns>Whether the word was <paramref name="expected"/>.</returns>
    public bool TryExchange(ulong expected, ulong next)
    {
        ObjectDisposedException.ThrowIf(_word is null, this);

        // Good address as in Value; the kernel aligns mappings to pages.
        return Interlocked.CompareExchange(ref *_word, next, expected) == expected;
    }

    /// <summary>Unmaps the word and closes the file.</summary>
    public void Dispose()
    {
        if (_word is not null)
        {
            Mapping.Unmap((nint)_word, Environment.SystemPageSize);
            _word = null;
        }

        _file.Dispose();
    }
}
