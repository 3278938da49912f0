using System.Text;
using System.Text.Json;
using Vmm.Qmp.Wire;
using Vmm.Tests.Unit.Qmp;

namespace Vmm.Tests.Fuzz;

/// <summary>Mutated and random input, seeded, so that a failure comes again.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class QmpFuzzTests
{
    private static readonly string[] Seeds =
    [
        "{\"execute\":\"query-status\",\"id\":1}",
        "{'execute':'echo','arguments':{'a':[1,2.5e3,-0,true,null,{}],'b':\"\\ud83d\\ude00\\n\"},'id':[{}]}",
        "{\"exec-oob\":\"query-status\"}",
        "[1,2,[3,[4]],{\"a\":\"}\"}]",
        "{\"execute\":\"fail\",\"id\":\"é😀\"}",
    ];

    private static readonly byte[] Spice = [.. "{}[]:,\"'\\u0123e+-.tfn \n\r\t"u8, 0, 1, 0x7f, 0x80, 0xc3, 0xed, 0xfe, 0xff];

    [Test]
    public void Whatever_comes_in_only_strict_json_comes_out_and_a_reset_always_helps([Range(1, 8)] int seed)
    {
        var random = new Random(seed);
        for (int round = 0; round < 4000; round++)
        {
            byte[] input = Mutate(random);
            var whole = Cut([input]);
            var pieces = Cut(input.Chunk(random.Next(1, 8)));
            Assert.That(pieces, Is.EqualTo(whole), () => $"cut differently: {Convert.ToHexString(input)}");
            foreach (string json in whole.Where(item => item[0] != '!'))
            {
                Assert.DoesNotThrow(() => JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 2000 }), json);
                Assert.That(json.All(c => c is >= ' ' and < '\x7f'), json);
            }

            var after = Cut([input, [0xff], "\n{\"sound\":1}"u8.ToArray()]);
            Assert.That(after[^1], Is.EqualTo("{\"sound\":1}"), () => $"no recovery: {Convert.ToHexString(input)}");
        }
    }

    [Test]
    [Promise(33)]
    public void A_session_answers_everything_and_stays_usable([Range(1, 4)] int seed)
    {
        var random = new Random(seed);
        using var qmp = new QmpFixture();
        using var client = qmp.Negotiate(oob: seed % 2 == 0);
        for (int round = 0; round < 300; round++)
        {
            byte[] input = Mutate(random);
            client.Send(input);
            client.Send([0xff, (byte)'\n']);
            client.Send($"{{\"execute\":\"echo\",\"id\":\"round {round}\"}}");

            int answers = 0;
            string answer;
            do
            {
                answer = client.ReadText();
                using var parsed = JsonDocument.Parse(answer);
                Assert.That(++answers, Is.LessThanOrEqualTo(input.Length + 2), "no more answers than there are bytes");
            }
            while (!answer.EndsWith($"\"id\":\"round {round}\"}}", StringComparison.Ordinal));
        }
    }

    private static byte[] Mutate(Random random)
    {
        var bytes = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, random.Next(1, 4)).Select(_ => Seeds[random.Next(Seeds.Length)]))).ToList();
        for (int change = random.Next(0, 6); change > 0 && bytes.Count > 1; change--)
        {
            int at = random.Next(bytes.Count);
            switch (random.Next(4))
            {
                case 0:
                    bytes[at] = Spice[random.Next(Spice.Length)];
                    break;
                case 1:
                    bytes.Insert(at, Spice[random.Next(Spice.Length)]);
                    break;
                case 2:
                    bytes.RemoveRange(at, Math.Min(bytes.Count - at, random.Next(1, 6)));
                    break;
                default:
                    bytes.InsertRange(at, bytes.GetRange(0, random.Next(bytes.Count)));
                    break;
            }
        }

        return [.. bytes];
    }

    private static List<string> Cut(IEnumerable<byte[]> pieces)
    {
        var source = new JsonSource();
        var items = new List<string>();
        foreach (byte[] piece in pieces)
        {
            ReadOnlySpan<byte> rest = piece;
            while (source.Read(ref rest) is { } item)
            {
                items.Add(item.Fault is { } fault ? "!" + fault : Encoding.ASCII.GetString(item.Json.Span));
            }
        }

        return items;
    }
}
