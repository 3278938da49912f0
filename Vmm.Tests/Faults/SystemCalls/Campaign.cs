// All cases of one window. Two updates are only watched: they say which calls are made. Then one update a case, in which one of these calls is
// struck. Threads interleave, so a call is found again by its key and its place among those of the same key; in a run that makes
// fewer of them nothing is struck, and the case is tried again.

namespace Vmm.Tests.Faults.SystemCalls;

/// <summary>Strikes the calls of a window, one an update.</summary>
/// <param name="window">The window.</param>
internal sealed class Campaign(CallWindow window)
{
    private const int Tries = 3;
    private const int AtOnce = 3;

    /// <summary>Of a call that is made in a loop, so many are struck.</summary>
    private const int MostOfAKind = 8;

    /// <summary>And in an update by exec, in which four programs make the same ones.</summary>
    private const int MostOfExec = 3;

    /// <summary>Of those that a running guest's output makes the program make, so many: the guest continues as long as the test does.</summary>
    private const int MostOfOutput = 2;

    /// <summary>And of those that serve its queues, one after another: several of them have one key, because all eventfds have the same name.</summary>
    private const int MostOfQueues = 4;

    private static readonly string[] Turns = ["EACCES", "ENOMEM", "ENOSPC", "EMFILE", "EINTR", "EAGAIN", "EIO"];

    /// <summary>Late in CI too: what an update's last steps wait for.</summary>
    private static readonly string[] LateInSample = ["close", "sendmsg", "unlink"];

    /// <summary>In CI each of the windows of an update by exec has these, as far as it has them.</summary>
    private static readonly string[] ExecSample = ["execve", "fcntl", "ioctl", "sendmsg"];

    private readonly SortedDictionary<string, int> _calls = new(StringComparer.Ordinal);

    /// <summary>Watches updates.</summary>
    /// <returns>What was not as it should although nothing was struck.</returns>
    internal async Task<IReadOnlyList<string>> WatchAsync()
    {
        for (int i = 0; i < Watched; i++)
        {
            await using var scene = await CallScene.SetAsync(window);
            await scene.UpdateAsync(null);
            foreach (var (key, count) in scene.Injector.Calls)
            {
                _calls[key] = Math.Max(_calls.GetValueOrDefault(key), count);
            }

            if (await scene.Verdict(null).JudgeAsync() is { Count: > 0 } deviations)
            {
                return deviations;
            }
        }

        return [];
    }

    /// <summary>Every call, with each of its errors, and late; in a whole update with one error a call, by turns, and late if it serves a queue; or, by exec, if it is the first.</summary>
    internal IReadOnlyList<Injection> Every()
    {
        int turn = 0;
        var met = new HashSet<(int, string)>();
        return
        [
            .. from call in Places()
               from error in IsOften(call.Key) ? Errors(call.Key.Call) : OneError(call.Key, Turns[turn++ % Turns.Length], met.Add((call.Key.Number, call.Key.Thread)))
               select new Injection(call.Key, call.Occurrence, error),
        ];
    }

    /// <summary>A part that is the same in each run: each kind of call once, and once where it serves a queue.</summary>
    internal IReadOnlyList<Injection> Sample() =>
    [
        .. from kind in Places().GroupBy(p => (p.Key.Call, p.Key.IsQueues))
           where !window.IsExec || (ExecSample.Contains(kind.Key.Call.Name) && !kind.Key.IsQueues)
           from injection in Sample(kind.Key.Call, kind.First().Key)
           select injection,
    ];

    /// <summary>Strikes.</summary>
    /// <returns>What became of each.</returns>
    internal async Task<IReadOnlyList<CaseResult>> StrikeAsync(IReadOnlyList<Injection> injections)
    {
        var results = new CaseResult[injections.Count];
        var options = new ParallelOptions { MaxDegreeOfParallelism = AtOnce };
        await Parallel.ForAsync(0, injections.Count, options, async (i, _) => results[i] = await StrikeAsync(injections[i]));
        return results;
    }

    /// <summary>How many updates are only watched: in CI a window of an update by exec has one.</summary>
    private int Watched => window.IsExec && !FaultProgram.IsFullProduct ? 1 : 2;

    private IEnumerable<(CallKey Key, int Occurrence)> Places() =>
        from call in _calls
        let key = new CallKey(call.Key)
        where key.Call.Errnos.Count > 0
        from occurrence in Enumerable.Range(1, Math.Min(call.Value, Most(key)))
        select (key, occurrence);

    private int Most(CallKey key) => key.IsOutput ? MostOfOutput : window.IsExec ? MostOfExec : key.IsQueues ? MostOfQueues : MostOfAKind;

    private static IEnumerable<string?> Errors(SystemCall call) => call.CanBlock ? call.Errnos.Append(null) : call.Errnos;

    /// <summary>Whether it fails with each of its errors: exec is what an update by exec is about.</summary>
    private bool IsOften(CallKey key) => !window.IsWhole || key.Call.Name == "execve";

    /// <summary>
    /// The turn that a queue is served in may still be running when the update stops the queue; and in an update by exec a program that waits for another one
    /// does something about it when it is late: the first of a kind, in each thread.
    /// </summary>
    private IEnumerable<string?> OneError(CallKey key, string error, bool isFirst) =>
        key.Call.CanBlock && (window.IsExec ? isFirst : key.IsQueues) ? [error, null] : [error];

    private IEnumerable<Injection> Sample(SystemCall call, CallKey key)
    {
        yield return new Injection(key, 1, window.IsWhole ? Turns[call.Number % Turns.Length] : call.Errnos[call.Number % call.Errnos.Count]);
        if (!window.IsWhole && LateInSample.Contains(call.Name))
        {
            yield return new Injection(key, 1, null);
        }
    }

    private async Task<CaseResult> StrikeAsync(Injection injection)
    {
        for (int attempt = 1; ; attempt++)
        {
            await using var scene = await CallScene.SetAsync(window);
            await scene.UpdateAsync(injection);
            bool struck = scene.Injector.Hit.IsCompleted;
            if (struck || attempt == Tries)
            {
                var verdict = scene.Verdict(injection);
                var deviations = await verdict.JudgeAsync();
                return new CaseResult(injection, struck, verdict.Place, deviations);
            }
        }
    }
}
