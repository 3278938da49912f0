// Two ways to say where a guest comes from, and they mean the same:
//
//   -incoming URI -cpr-uri unix:PATH                  the first published form
//   -incoming CHANNEL -incoming CHANNEL               the form that QEMU merged; one channel of type main, one of type cpr
//
// "-incoming defer" leaves the main address to migrate-incoming; the cpr address is needed at once, for what arrives there is
// needed before the machine exists. Where an address is given twice the last one counts, as in QEMU: a process that was itself
// a successor can be followed by one with its own arguments and new addresses after them.

using System.Globalization;
using Vmm.Migration.Channels;

namespace Vmm.CommandLine;

/// <summary>Collects -incoming and -cpr-uri.</summary>
internal sealed class IncomingOptions
{
    private bool _given;
    private ChannelAddress? _main;
    private ChannelAddress? _cpr;

    /// <summary>Adds an -incoming: a URI, defer, or a channel.</summary>
    internal void AddIncoming(string argument)
    {
        if (argument == "defer")
        {
            SetMain(null);
        }
        else if (IncomingChannel.IsUri(argument))
        {
            SetMain(ParseUri(argument));
        }
        else
        {
            var (isCpr, address) = IncomingChannel.Read(OptionList.Parse(argument, "channel-type", json: true));
            if (isCpr)
            {
                SetCpr(address);
            }
            else
            {
                SetMain(address);
            }
        }
    }

    /// <summary>Adds a -cpr-uri.</summary>
    internal void AddCprUri(string uri) =>
        _cpr = ParseUri(uri) as UnixAddress ?? throw new CommandLineException($"bad cpr-uri {uri}; must be unix:");

    /// <summary>What was said; null when nothing was.</summary>
    internal IncomingConfiguration? Build() =>
        _given ? new IncomingConfiguration(_main, _cpr)
        : _cpr is null ? null
        : throw new CommandLineException("a cpr address needs -incoming with a main address, or -incoming defer");

    private static ChannelAddress ParseUri(string uri)
    {
        try
        {
            return ChannelAddress.ParseUri(uri);
        }
        catch (ChannelAddressException e)
        {
            throw new CommandLineException(e.Message);
        }
    }

    private void SetMain(ChannelAddress? address)
    {
        CheckInherited(address);
        (_given, _main) = (true, address);
    }

    private void SetCpr(ChannelAddress address)
    {
        CheckInherited(address);
        _cpr = address switch
        {
            UnixAddress or DescriptorAddress => address,
            { Transport: "socket" } => throw new CommandLineException("bad cpr channel socket type; must be unix"),
            _ => throw new CommandLineException("bad cpr channel address; must be unix"),
        };
    }

    /// <summary>At start no descriptor has a name yet: getfd comes later.</summary>
    private static void CheckInherited(ChannelAddress? address)
    {
        if (address is DescriptorAddress { NameOrNumber: var text } && !int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out _))
        {
            throw new CommandLineException($"'{text}' is no inherited descriptor: expected its number");
        }
    }
}
