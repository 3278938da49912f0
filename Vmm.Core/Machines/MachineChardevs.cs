// The character back ends while the machine is there. The command line's are in its configuration; chardev-add, chardev-remove and chardev-change alter
// what is known here. The next process of a live update has a command line of its own, in which the back ends must be that there are now: what lacks
// there is a reason to refuse the guest, before it is paused (NewOptions).
//
// A back end is opened before anything that is in use is touched. Opening may take its time (a TCP server that is far away), during which the machine
// does other things; so what was looked at before is looked at again.

using Vmm.Core.Chardevs;
using Vmm.Core.Configuration;
using Vmm.Core.Loop;

namespace Vmm.Core.Machines;

/// <summary>The character back ends of a machine, those of its monitors included. Machine loop only.</summary>
public sealed class MachineChardevs
{
    /// <summary>How long a log that stalls keeps a back end from being closed.</summary>
    private static readonly TimeSpan LogLimit = TimeSpan.FromSeconds(1);

    private readonly Machine _machine;
    private readonly EventLoop _ioLoop;
    private readonly HashSet<string> _underWay = [];

    internal MachineChardevs(Machine machine, EventLoop ioLoop)
    {
        _machine = machine;
        _ioLoop = ioLoop;
        Configuration = machine.Configuration.Chardevs;
    }

    /// <summary>What there is now.</summary>
    public IReadOnlyList<ChardevConfiguration> Configuration { get; private set; }

    /// <summary>What the command line of the next process needs beside, or instead of, this one's: an option for each that was added or changed.</summary>
    public IReadOnlyList<string> NewOptions => [.. Configuration.Except(_machine.Configuration.Chardevs).Select(ChardevOptionText.Of)];

    /// <summary>Whether a back end could be added, as far as that is known before it is opened.</summary>
    /// <exception cref="ChardevException">It could not.</exception>
    public void RequireAddable(ChardevConfiguration chardev)
    {
        ArgumentNullException.ThrowIfNull(chardev);
        if (_underWay.Contains(chardev.Id) || Configuration.Any(other => other.Id == chardev.Id || (other.Mux && BaseOf(other) == chardev.Id)))
        {
            throw new ChardevException($"Chardev with id '{chardev.Id}' already exists");
        }

        RequireBoard(chardev.Id);
        RequireRight(chardev, $"Failed to add chardev '{chardev.Id}': ");
    }

    /// <summary>Adds a back end and opens it.</summary>
    /// <returns>The back end.</returns>
    /// <exception cref="ChardevException">It cannot be added; nothing is left of it.</exception>
    public async Task<Chardev> AddAsync(ChardevConfiguration chardev)
    {
        RequireAddable(chardev);
        var board = RequireBoard(chardev.Id);
        var added = await OpenAsync(board, chardev, $"Failed to add chardev '{chardev.Id}': ", gate: null);
        board.BackEnds.Add(added);
        Configuration = [.. Configuration, chardev];
        added.Start();
        return added;
    }

    /// <summary>Whether a back end could be changed, as far as that is known before the other one is opened.</summary>
    /// <exception cref="ChardevException">It could not.</exception>
    public void RequireChangeable(ChardevConfiguration chardev)
    {
        ArgumentNullException.ThrowIfNull(chardev);
        var before = Configuration.FirstOrDefault(other => other.Id == chardev.Id);
        if (before is null && !Configuration.Any(other => other.Mux && BaseOf(other) == chardev.Id))
        {
            throw new ChardevException($"Chardev '{chardev.Id}' does not exist");
        }

        if (before is { Mux: true })
        {
            throw new ChardevException("For mux or hub device hotswap is not supported yet");
        }

        var board = RequireBoard(chardev.Id);
        if (board.BackEnds.Find(chardev.Id) is not { IsReplaceable: true })
        {
            throw new ChardevException("Chardev user does not support chardev hotswap");
        }

        RequireRight(chardev, "");
        if (_underWay.Contains(chardev.Id))
        {
            throw new ChardevException($"Chardev '{chardev.Id}' is busy: another command changes it");
        }
    }

    /// <summary>Replaces a back end by another, which a device that uses it has from then on.</summary>
    /// <returns>The other one.</returns>
    /// <exception cref="ChardevException">It cannot be changed, or the other cannot be opened; the one that there is stays in use.</exception>
    public async Task<Chardev> ChangeAsync(ChardevConfiguration chardev)
    {
        RequireChangeable(chardev);
        var board = RequireBoard(chardev.Id);
        var before = board.BackEnds.Find(chardev.Id)!;
        var next = await OpenAsync(board, chardev, "", before.Gate);
        before.ReplaceBy(next);
        board.BackEnds.Replace(before, next);
        Configuration = [.. Configuration.Select(other => other.Id == chardev.Id ? chardev : other)];
        await before.CloseAsync(_machine.Loop, LogLimit);
        return next;
    }

    /// <summary>Closes and removes a back end that nothing uses.</summary>
    /// <exception cref="ChardevException">There is none of that id, or it is used.</exception>
    public async Task RemoveAsync(string id)
    {
        bool isBase = Configuration.Any(other => other.Mux && BaseOf(other) == id);
        if (!isBase && !Configuration.Any(other => other.Id == id))
        {
            throw new ChardevException($"Chardev '{id}' not found");
        }

        var board = RequireBoard(id);
        if (board.BackEnds.Spare.FirstOrDefault(chardev => chardev.Label == id) is not { } removed || _underWay.Contains(id))
        {
            throw new ChardevException($"Chardev '{id}' is busy");
        }

        board.BackEnds.Remove(removed);
        Configuration = [.. Configuration.Where(other => other.Id != id)];
        await removed.CloseAsync(_machine.Loop, LogLimit);
    }

    /// <summary>Under what id the back end of a mux is listed.</summary>
    internal static string BaseOf(ChardevConfiguration mux) => $"{mux.Id}-base";

    private async Task<Chardev> OpenAsync(Board board, ChardevConfiguration chardev, string prefix, Lock? gate)
    {
        var opened = ChardevFactory.Create(chardev, _ioLoop, _machine.Log, gate);
        _underWay.Add(chardev.Id);
        try
        {
            await opened.OpenAsync(_machine.Loop);
            return RequireBoard(chardev.Id) == board ? opened : throw new ChardevException($"{prefix}the guest is another's by now");
        }
        catch (Exception e) when (e is IOException or OutOfMemoryException)
        {
            opened.Dispose();
            throw new ChardevException($"{prefix}{(e is IOException ? e.Message : "the host gives this process no more memory, or no more threads")}", e);
        }
        catch
        {
            opened.Dispose();
            throw;
        }
        finally
        {
            _underWay.Remove(chardev.Id);
        }
    }

    private Board RequireBoard(string id)
    {
        if (_machine.Board is not { } board)
        {
            throw _machine.Handover.Outcome is { } outcome ? new ChardevException(outcome)
                : new ChardevException($"chardev '{id}': there is no guest in this process yet: name it on the command line, by -chardev");
        }

        return !board.BackEnds.IsClosed ? board : throw new ChardevException(
            $"chardev '{id}': a live update, or its preflight, is under way: send the command again when that has ended, to the process that has the guest");
    }

    private void RequireRight(ChardevConfiguration chardev, string prefix)
    {
        if (ChardevRules.Violation(chardev) is { } violation)
        {
            throw new ChardevException(prefix + violation);
        }

        if (chardev is StdioChardevConfiguration && Configuration.Any(other => other is StdioChardevConfiguration))
        {
            throw new ChardevException($"{prefix}cannot use stdio by multiple character devices");
        }
    }
}
