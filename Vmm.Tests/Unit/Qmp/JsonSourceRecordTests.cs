using System.Text;
using Vmm.Core.State;
using Vmm.Qmp.Wire;

namespace Vmm.Tests.Unit.Qmp;

/// <summary>A source of requests that is written down and continued by another one.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class JsonSourceRecordTests
{
    private static readonly string[] Inputs =
    [
        "{\"execute\":\"x\",\"arguments\":{\"a\":[1,-0.5e+7,true,null,\"\\u00e9\\ud83d\\ude00é\\\\\\\"\"],'b':{}}} [1 , 2]",
        "12 34 true nul {\"a\":1}",
        "{\"a\":tru }{\"b\":[1,{\"c\":2]}} {\"d\":1}",
        "} { \"a\" } x {\"b\":'c\nd'} {\"e\":1}",
        "{\"a\":\"b\u0001\"{\"c\":1} \n [ ] \xff { \"d\" : \"}\\\"]\" x } ] {\"e\":2}",
        "{\"a\":1,\"a\":2,\"x\":\"{[\"}{\"b\":01}[[[]]]{}",
    ];

    [TestCaseSource(nameof(Inputs))]
    public void Cut_at_every_byte_it_reads_the_same(string input)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(input);
        var whole = Read(new JsonSource(), bytes);
        for (int cut = 0; cut <= bytes.Length; cut++)
        {
            var first = new JsonSource();
            var items = Read(first, bytes.AsSpan(0, cut));
            items.AddRange(Read(Again(first), bytes.AsSpan(cut)));
            Assert.That(items, Is.EqualTo(whole), $"cut at {cut}");
        }
    }

    [Test]
    public void Handed_on_after_every_byte_it_reads_the_same()
    {
        foreach (string input in Inputs)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(input);
            var source = new JsonSource();
            var items = new List<(string, string?, long)>();
            for (int i = 0; i < bytes.Length; i++)
            {
                items.AddRange(Read(source, bytes.AsSpan(i, 1)));
                source = Again(source);
            }

            Assert.That(items, Is.EqualTo(Read(new JsonSource(), bytes)));
        }
    }

    private static JsonSource Again(JsonSource source)
    {
        var record = new StateWriter();
        source.Save(record);
        var reader = new StateReader(record.Written.ToArray());
        var next = new JsonSource();
        next.Load(reader);
        Assert.That(reader.Remaining, Is.Zero);
        return next;
    }

    private static List<(string Json, string? Fault, long End)> Read(JsonSource source, ReadOnlySpan<byte> bytes)
    {
        var items = new List<(string, string?, long)>();
        while (source.Read(ref bytes) is { } item)
        {
            items.Add((Encoding.UTF8.GetString(item.Json.Span), item.Fault, item.End));
        }

        return items;
    }
}
