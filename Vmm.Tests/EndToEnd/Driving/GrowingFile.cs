using System.Globalization;
using System.Text;
using Vmm.Lab.Drivers;

namespace Vmm.Tests.EndToEnd.Driving;

/// <summary>A file that another process appends to: a serial port's, a log. Nothing reports its growth in time, so a wait looks again and again.</summary>
/// <param name="path">Where it is.</param>
internal sealed class GrowingFile(string path)
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(5);

    /// <summary>All of it, byte for byte.</summary>
    internal byte[] Bytes
    {
        get
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            var bytes = new byte[file.Length];
            file.ReadExactly(bytes);
            return bytes;
        }
    }

    /// <summary>All of it as text.</summary>
    internal string Text => Encoding.Latin1.GetString(Bytes);

    /// <summary>Holds it to be 1, 2, 3 and so on, a number a line: what a guest counted with nothing lost and nothing done twice.</summary>
    internal void AssertCountsUp()
    {
        string[] lines = Text.Split('\n')[..^1];
        Assert.That(lines, Is.Not.Empty.And.EqualTo(Enumerable.Range(1, lines.Length).Select(n => n.ToString(CultureInfo.InvariantCulture))));
    }

    /// <summary>Waits until it is exactly this.</summary>
    internal Task WaitForAsync(string text) => WaitUntilAsync(now => now == text, $"\"{text}\"");

    /// <summary>Waits until it holds this many bytes.</summary>
    internal Task WaitForLengthAsync(int length) => WaitUntilAsync(now => now.Length >= length, $"{length} bytes");

    /// <summary>Waits until there is something under this path, a socket perhaps.</summary>
    internal async Task WaitUntilThereAsync()
    {
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        while (!File.Exists(path))
        {
            await Task.Delay(Poll, deadline.Token);
        }
    }

    /// <summary>Waits until it has grown from where it is now.</summary>
    internal Task WaitForGrowthAsync() => WaitForLengthAsync(Bytes.Length + 1);

    /// <summary>Waits until what is in it satisfies a condition.</summary>
    internal async Task WaitUntilAsync(Func<string, bool> condition, string what)
    {
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        while (!File.Exists(path) || !condition(Text))
        {
            if (deadline.IsCancellationRequested)
            {
                string now = File.Exists(path) ? Text : "no file";
                throw new TimeoutException($"{Path.GetFileName(path)} did not come to {what}; it ends: {now[^Math.Min(200, now.Length)..]}");
            }

            await Task.Delay(Poll);
        }
    }
}
