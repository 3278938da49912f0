using System.Diagnostics;
using Vmm.Lab.Drivers;

namespace Vmm.Tests.Faults.SystemCalls;

/// <summary>What the injector reports of a program that is none of ours.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class InjectorTests
{
    private const int GetPriority = 140;
    private const int Execve = 59;

    [Test]
    public async Task A_call_that_the_table_has_no_line_for_is_reported_as_unknown()
    {
        string folder = Directory.CreateTempSubdirectory("vmm-injector-").FullName;
        try
        {
            await using var injector = new Injector(Path.Combine(folder, "injector"));
            string[] words = [.. injector.Starting(CallWindow.WholeOfNew, withRuns: false), "/bin/bash", "-c", "read line; exec nice"];
            using var process = Process.Start(new ProcessStartInfo(words[0], words[1..])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                WorkingDirectory = folder,
            })!;
            await injector.SendAsync("open");
            await injector.Opened.WaitAsync(Timeouts.Answer);

            await process.StandardInput.WriteLineAsync("go");
            await process.StandardInput.FlushAsync();
            await injector.Ended.WaitAsync(Timeouts.Answer);

            Assert.That(injector.Calls.Keys.Select(key => new CallKey(key).Number), Does.Contain(Execve).And.Contain(GetPriority));
            Assert.That(injector.Unknown.Select(call => call.Number), Does.Contain(GetPriority).And.Not.Contain(Execve));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
