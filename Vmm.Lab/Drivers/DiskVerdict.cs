// Whether a guest's disk holds what its writer was told is on it (see lab/records.c): judged from the image after the guest has switched itself off,
// and from the number of records that it had reported before.

using System.Globalization;
using Vmm.Lab.Hosts;

namespace Vmm.Lab.Drivers;

/// <summary>The judgement on a guest's disk.</summary>
/// <param name="Records">How many whole records there are, from 0 on without a hole.</param>
/// <param name="Faults">What is wrong, a sentence each; empty if nothing is.</param>
public sealed record DiskVerdict(int Records, IReadOnlyList<string> Faults)
{
    private const int Length = 32;

    /// <summary>Whether nothing is wrong.</summary>
    public bool Holds => Faults.Count == 0;

    /// <summary>Looks at an image on a host, which no process uses any more.</summary>
    /// <param name="host">The host.</param>
    /// <param name="image">The image's path there.</param>
    /// <param name="reported">How many records the guest had reported as saved.</param>
    /// <param name="cancellation">Ends it early.</param>
    public static async Task<DiskVerdict> OfAsync(IHost host, string image, int reported, CancellationToken cancellation = default)
    {
        // What was fsynced may be in the journal only, as after any power loss.
        await host.TryRunAsync($"PATH=$PATH:/usr/sbin:/sbin:/bin e2fsck -E journal_only {Shell.Quote(image)}", cancellation);
        var check = await host.TryRunAsync($"PATH=$PATH:/usr/sbin:/sbin:/bin e2fsck -fn {Shell.Quote(image)}", cancellation);
        string copy = image + ".records";
        await host.RunAsync($"PATH=$PATH:/usr/sbin:/sbin:/bin debugfs -R {Shell.Quote($"dump /records {copy}")} {Shell.Quote(image)}", cancellation);
        var verdict = Of(await host.ReadFileAsync(copy, cancellation), reported);
        return check.Status == 0 ? verdict : verdict with { Faults = [.. verdict.Faults, $"e2fsck: {check.Output}{check.Errors}"] };
    }

    /// <summary>Looks at the bytes of the writer's file.</summary>
    public static DiskVerdict Of(ReadOnlySpan<byte> file, int reported)
    {
        var faults = new List<string>();
        int count = 0;
        for (; (count + 1) * Length <= file.Length; count++)
        {
            string expected = string.Create(CultureInfo.InvariantCulture, $"record {count}").PadRight(Length - 1) + "\n";
            string found = System.Text.Encoding.Latin1.GetString(file.Slice(count * Length, Length));
            if (found != expected)
            {
                faults.Add($"record {count} reads \"{found.TrimEnd()}\"");
                break;
            }
        }

        if (count < reported)
        {
            faults.Add($"{reported} records were reported as saved, {count} are there");
        }

        return new DiskVerdict(count, faults);
    }

    /// <inheritdoc/>
    public override string ToString() => Holds
        ? $"{Records} records on the disk, contiguous, none that was reported is missing; its file system is clean"
        : string.Join('\n', Faults);
}
