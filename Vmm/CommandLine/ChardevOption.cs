using Vmm.Core.Chardevs;
using Vmm.Core.Configuration;

namespace Vmm.CommandLine;

/// <summary>-chardev: BACKEND,id=ID[,…].</summary>
internal static class ChardevOption
{
    private static string Expected => $"expected {string.Join(", ", ChardevConfiguration.Backends.SkipLast(1))} or {ChardevConfiguration.Backends[^1]}";

    /// <summary>Reads a back end from the text of an option.</summary>
    /// <param name="text">The text.</param>
    /// <param name="id">The id, if the text is to have none; null if it has one.</param>
    internal static ChardevConfiguration Read(string text, string? id)
    {
        var options = OptionList.Parse(text, "backend");
        return id is null ? Read(options)
            : options.Has("id") ? throw new CommandLineException("Unexpected 'id' parameter")
            : Read(options.Append(OptionList.Of(("id", id))));
    }

    /// <summary>Reads a back end.</summary>
    internal static ChardevConfiguration Read(OptionList options)
    {
        var backend = options.Take("backend")
            ?? throw new CommandLineException($"chardev: backend is missing: {Expected}");
        var id = options.TakeId() ?? throw new CommandLineException("chardev: no id specified");
        bool mux = options.TakeSwitch("mux") ?? false;
        if (mux && backend is (RingbufChardevConfiguration.Name or RingbufChardevConfiguration.Alias))
        {
            throw new CommandLineException("chardev: ringbuf: mux=on needs a back end with input: expected stdio, pty, socket, file or null");
        }

        ChardevConfiguration chardev = backend switch
        {
            NullChardevConfiguration.Name => new NullChardevConfiguration(id),
            StdioChardevConfiguration.Name => new StdioChardevConfiguration(id) { Signal = options.TakeSwitch("signal") ?? true },
            FileChardevConfiguration.Name when options.Take("input-path") is not null => throw new CommandLineException(
                "chardev: file: input-path is not supported: expected path= alone, or a pty or socket for input"),
            FileChardevConfiguration.Name => new FileChardevConfiguration(
                id,
                options.TakeText("path") ?? throw new CommandLineException("chardev: file: no filename given"),
                options.TakeSwitch("append") ?? false),
            PtyChardevConfiguration.Name => new PtyChardevConfiguration(id, options.TakeText("path")),
            SocketChardevConfiguration.Name => SocketOption.Read(id, options),
            RingbufChardevConfiguration.Name or RingbufChardevConfiguration.Alias => ReadRing(id, backend, options),
            _ => throw new CommandLineException($"'{backend}' is not a valid char driver name: {Expected}"),
        };
        chardev = chardev with { Mux = mux, LogFile = options.TakeText("logfile"), LogAppend = options.TakeSwitch("logappend") ?? false };
        options.Finish();
        return chardev;
    }

    private static RingbufChardevConfiguration ReadRing(string id, string backend, OptionList options)
    {
        ulong size = options.TakeSize("size") ?? RingbufChardevConfiguration.DefaultSize;
        return RingbufChardev.IsSize(size)
            ? new RingbufChardevConfiguration(id, size) { IsAlias = backend == RingbufChardevConfiguration.Alias }
            : throw new CommandLineException(
                $"size of ringbuf chardev must be power of two: expected 1 to {RingbufChardev.LargestSize} bytes, not {size}");
    }
}
