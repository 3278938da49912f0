using Vmm.Lab.Drivers;

namespace Vmm.Tests.EndToEnd.Exec;

/// <summary>What a keeper that took the guest says of the update.</summary>
internal static class KeeperReport
{
    /// <summary>Waits until query-migrate has it. The guest runs first, then the pid file is written, and then this is reported.</summary>
    internal static async Task<string> WaitAsync(QmpClient session)
    {
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        while (true)
        {
            var report = await session.ExecuteAsync("query-migrate");
            if (report.TryGetProperty("error-desc", out var reason))
            {
                return reason.GetString()!;
            }

            await Task.Delay(5, deadline.Token);
        }
    }
}
