// char.json: the back ends. A monitor's own back end is listed with the others, but is no Chardev: nothing but the monitor can use it.

using System.Text;
using Vmm.Core.Chardevs;
using Vmm.Core.Configuration;
using Vmm.Qmp.Schema;

namespace Vmm.Qmp.Commands;

/// <summary>The commands of char.json.</summary>
/// <param name="listed">Lists every back end of the process, those of devices and those of monitors.</param>
/// <param name="find">Finds a back end of the guest by its id.</param>
public sealed class CharCommands(Func<IEnumerable<ChardevInfo>> listed, Func<string, Chardev?> find) : ICharCommands
{
    /// <summary>The most bytes that one command reads: as much as a client can be expected to take as one reply.</summary>
    private const int MostAtOnce = 1 << 20;

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<ChardevInfo>> QueryChardev(CommandContext context) =>
        ValueTask.FromResult<IReadOnlyList<ChardevInfo>>([.. listed()]);

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<ChardevBackendInfo>> QueryChardevBackends(CommandContext context) =>
        ValueTask.FromResult<IReadOnlyList<ChardevBackendInfo>>([.. ChardevConfiguration.Backends.Select(name => new ChardevBackendInfo { Name = name })]);

    /// <inheritdoc/>
    public ValueTask RingbufWrite(CommandContext context, string device, string data, DataFormat? format)
    {
        var ring = Ring(device);
        byte[] bytes = format == DataFormat.Base64 ? FromBase64(data) : Encoding.UTF8.GetBytes(data);
        return ring.TryPut(bytes) ? ValueTask.CompletedTask : throw OnItsWay(device);
    }

    /// <inheritdoc/>
    public ValueTask<string> RingbufRead(CommandContext context, string device, long size, DataFormat? format)
    {
        var ring = Ring(device);
        if (size <= 0)
        {
            throw QmpException.GenericError("size must be greater than zero");
        }

        try
        {
            byte[] bytes = ring.Take((int)Math.Min(size, MostAtOnce)) ?? throw OnItsWay(device);
            return ValueTask.FromResult(format == DataFormat.Base64 ? Convert.ToBase64String(bytes) : Encoding.UTF8.GetString(bytes));
        }
        catch (IOException e)
        {
            throw QmpException.GenericError($"Device '{device}' cannot be read: {e.Message}");
        }
    }

    /// <inheritdoc/>
    public ValueTask ChardevSendBreak(CommandContext context, string id)
    {
        if (find(id) is { } chardev)
        {
            chardev.Break();
        }
        else if (!listed().Any(info => info.Label == id))
        {
            throw QmpException.GenericError($"Chardev '{id}' not found");
        }

        return ValueTask.CompletedTask;
    }

    private static byte[] FromBase64(string data)
    {
        try
        {
            return Convert.FromBase64String(data);
        }
        catch (FormatException)
        {
            throw QmpException.GenericError("Base64 data contains invalid characters");
        }
    }

    private static QmpException OnItsWay(string device) =>
        QmpException.GenericError($"Device '{device}' is on its way to another process with its guest: ask the process that has the guest");

    private RingbufChardev Ring(string device) => find(device) switch
    {
        RingbufChardev ring => ring,
        null when !listed().Any(info => info.Label == device) => throw QmpException.GenericError($"Device '{device}' not found"),
        _ => throw QmpException.GenericError($"{device} is not a ringbuf device"),
    };
}
