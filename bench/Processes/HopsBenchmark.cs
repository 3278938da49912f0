// The pause of a live update, hop after hop: one guest that counts in RAM, 1 vCPU, 512 MiB, handed from process to process.
// The figures are those that query-migrate gives on the old process.

using System.Text.Json;

namespace Vmm.Bench.Processes;

internal static class HopsBenchmark
{
    private static readonly string[] Phases =
        ["pause", "kick", "drain", "save", "send", "load", "take", "resume", "prepare", "prefault"];

    internal static int Run(int hops)
    {
        string folder = Directory.CreateTempSubdirectory("vmm-bench-").FullName;
        var accounts = new List<JsonElement>();
        var old = new VmmUnderTest(folder, "0");
        try
        {
            Begin(old);
            for (int hop = 1; hop <= hops; hop++)
            {
                var successor = new VmmUnderTest(
                    folder, $"{hop}", "-incoming", $"unix:{folder}/main", "-cpr-uri", $"unix:{folder}/cpr");
                Begin(successor);
                accounts.Add(Hop(old, folder));
                old.Dispose();
                old = successor;
            }
        }
        finally
        {
            old.Dispose();
            Directory.Delete(folder, recursive: true);
        }

        foreach (string phase in Phases)
        {
            var values = accounts.ConvertAll(a => a.GetProperty(phase).GetUInt64());
            values.Sort();
            Console.WriteLine($"{phase,-9} median {values[hops / 2],7} us, 95th percentile {values[hops * 95 / 100],7}, most {values[^1],7}");
        }

        return 0;
    }

    private static void Begin(VmmUnderTest vmm)
    {
        vmm.Greet();
        vmm.Execute("""{"execute":"qmp_capabilities"}""");
    }

    private static JsonElement Hop(VmmUnderTest old, string folder)
    {
        old.Execute($$$"""{"execute":"migrate-set-parameters","arguments":{"mode":"cpr-transfer","cpr-uri":"unix:{{{folder}}}/cpr"}}""");
        old.Execute($$$"""{"execute":"migrate","arguments":{"uri":"unix:{{{folder}}}/main"}}""");
        while (true)
        {
            var info = old.Execute("""{"execute":"query-migrate"}""");
            switch (info.GetProperty("status").GetString())
            {
                case "completed":
                    return info.GetProperty("cpr");
                case "failed":
                    throw new InvalidOperationException($"hop failed: {info}");
                default:
                    Thread.Yield();
                    break;
            }
        }
    }
}
