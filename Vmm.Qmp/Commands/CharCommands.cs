// char.json: the back ends. A monitor's own back end is listed with the others, but is no Chardev: nothing but the monitor can use it.

using System.Text;
using Vmm.Core.Chardevs;
using Vmm.Core.Configuration;
using Vmm.Core.Machines;
using Vmm.Qmp.Schema;
using Vmm.Qmp.Sessions;

namespace Vmm.Qmp.Commands;

/// <summary>The commands of char.json.</summary>
/// <param name="listed">Lists every back end of the process, those of devices and those of monitors.</param>
/// <param name="find">Finds a back end of the guest by its id.</param>
/// <param name="chardevs">The back ends of the guest, to be added to and changed.</param>
public sealed class CharCommands(Func<IEnumerable<ChardevInfo>> listed, Func<string, Chardev?> find, MachineChardevs chardevs) : ICharCommands
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

    /// <inheritdoc/>
    public ValueTask<ChardevReturn> ChardevAdd(CommandContext context, string id, ChardevBackend backend) =>
        new(RunAsync($"Failed to add chardev '{id}': ", context, id, backend, chardevs.RequireAddable, chardevs.AddAsync));

    /// <inheritdoc/>
    public ValueTask<ChardevReturn> ChardevChange(CommandContext context, string id, ChardevBackend backend) =>
        new(RunAsync("", context, id, backend, chardevs.RequireChangeable, chardevs.ChangeAsync));

    /// <inheritdoc/>
    public ValueTask ChardevRemove(CommandContext context, string id) => new(Refusals.ToQmpErrors(() => chardevs.RemoveAsync(id)));

    private static async Task<ChardevReturn> RunAsync(
        string prefix,
        CommandContext context,
        string id,
        ChardevBackend backend,
        Action<ChardevConfiguration> require,
        Func<ChardevConfiguration, Task<Chardev>> run)
    {
        Chardev? opened = null;
        await Refusals.ToQmpErrors(async () =>
        {
            var chardev = Read(prefix, id, backend);
            require(chardev);
            if (ChardevBackends.NameOfSocket(backend) is { } name)
            {
                chardev = ((SocketChardevConfiguration)chardev) with { Descriptor = TakeSocket(context, name, prefix) };
            }

            opened = await run(chardev);
        });
        return new ChardevReturn { Pty = (opened as PtyChardev)?.SlavePath };
    }

    private static ChardevConfiguration Read(string prefix, string id, ChardevBackend backend)
    {
        try
        {
            return ChardevBackends.FromQapi(id, backend);
        }
        catch (ChardevException e)
        {
            throw new ChardevException(prefix + e.Message, e);
        }
    }

    /// <summary>Takes a socket that the client has named; its number is the back end's from now on, which opens it or closes it.</summary>
    private static int TakeSocket(CommandContext context, string name, string prefix)
    {
        using var socket = (context as MonitorContext)?.Descriptors.Take(name)
            ?? throw new ChardevException($"{prefix}File descriptor named '{name}' has not been found");
        int number = (int)socket.DangerousGetHandle();
        socket.SetHandleAsInvalid();
        return number;
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
