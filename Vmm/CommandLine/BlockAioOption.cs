using Vmm.Core.Backends.Block;

namespace Vmm.CommandLine;

/// <summary>aio=threads|native|io_uring. There is no Linux AIO here: native means what it is chosen for, requests that bypass the page cache.</summary>
internal static class BlockAioOption
{
    /// <summary>Reads a value.</summary>
    /// <param name="text">The value.</param>
    /// <param name="key">The parameter, for the message.</param>
    /// <param name="isDirect">Whether the page cache is bypassed.</param>
    internal static BlockAio Read(string text, string key, bool isDirect) => text switch
    {
        "threads" => BlockAio.Threads,
        "io_uring" => BlockAio.IoUring,
        "native" when isDirect => BlockAio.Automatic,
        "native" => throw new CommandLineException("aio=native was specified, but it requires cache.direct=on, which was not specified."),
        _ => throw new CommandLineException($"Parameter '{key}' does not accept value '{text}': expected one of threads, native, io_uring"),
    };
}
