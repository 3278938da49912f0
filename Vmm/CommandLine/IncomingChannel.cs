using Vmm.Migration.Channels;

namespace Vmm.CommandLine;

/// <summary>-incoming with a channel: channel-type=main|cpr,addr.transport=…, as dotted keys or JSON.</summary>
internal static class IncomingChannel
{
    /// <summary>The most arguments that an exec address may have here.</summary>
    private const int MaxArguments = 256;

    /// <summary>Whether the text is a URI rather than a channel: letters, digits, '+', '-', '.', then a colon.</summary>
    internal static bool IsUri(string text)
    {
        var scheme = text.TakeWhile(c => char.IsAsciiLetterOrDigit(c) || c is '+' or '-' or '.').Count();
        return scheme < text.Length && text[scheme] == ':';
    }

    /// <summary>Reads a channel.</summary>
    /// <returns>Whether it is the cpr channel, and its address.</returns>
    internal static (bool IsCpr, ChannelAddress Address) Read(OptionList options)
    {
        var isCpr = options.TakeRequired("channel-type") switch
        {
            "main" => false,
            "cpr" => true,
            var other => throw NotAccepted("channel-type", other, "main, cpr"),
        };
        var address = ReadAddress(options);
        options.Finish();
        return (isCpr, address);
    }

    private static ChannelAddress ReadAddress(OptionList options) => options.TakeRequired("addr.transport") switch
    {
        "socket" => ReadSocket(options),
        "file" => new FileAddress(options.TakeRequired("addr.filename"), options.TakeSize("addr.offset") ?? 0),
        "exec" => ReadExec(options),
        "rdma" => new RdmaAddress(options.TakeRequired("addr.host"), options.TakeRequired("addr.port")),
        var other => throw NotAccepted("transport", other, "socket, file, exec, rdma"),
    };

    private static ChannelAddress ReadSocket(OptionList options) => options.TakeRequired("addr.type") switch
    {
        "unix" => new UnixAddress(options.TakeText("addr.path") ?? throw new CommandLineException("Parameter 'addr.path' is missing")),
        "fd" => new DescriptorAddress(options.TakeRequired("addr.str")),
        "inet" => new InetAddress(options.TakeRequired("addr.host"), options.TakeRequired("addr.port")),
        "vsock" => new VsockAddress(options.TakeRequired("addr.cid"), options.TakeRequired("addr.port")),
        var other => throw NotAccepted("type", other, "unix, fd, inet, vsock"),
    };

    private static ExecAddress ReadExec(OptionList options)
    {
        var arguments = Enumerable.Range(0, MaxArguments)
            .Select(i => options.Take($"addr.args.{i}"))
            .TakeWhile(argument => argument is not null)
            .OfType<string>()
            .ToList();
        return arguments.Count > 0 ? new ExecAddress(arguments) : throw new CommandLineException("Parameter 'addr.args' is missing");
    }

    private static CommandLineException NotAccepted(string parameter, string value, string expected) =>
        new($"Parameter '{parameter}' does not accept value '{value}': expected one of {expected}");
}
