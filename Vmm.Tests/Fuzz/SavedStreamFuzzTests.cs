using Vmm.Core.Machines;
using Vmm.Core.State;
using Vmm.Migration.Settings;
using Vmm.Migration.Streams;
using Vmm.Tests.Unit.Machines;
using Vmm.Tests.Unit.Migration;

namespace Vmm.Tests.Fuzz;

/// <summary>A saved guest's stream with damage, as a disk or an enemy makes it; seeded, so that a failure comes again.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SavedStreamFuzzTests : IDisposable
{
    private const int MostDeviceBytes = 1 << 20;

    private static readonly byte[] Spice = [0, 1, 4, 8, 0x10, 0x20, 0x7e, 0x7f, 0x80, 0xff];

    private readonly HandoverFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [TestCase(5_000)]
    [Soak(1_000_000)]
    [Promise(56)]
    public async Task It_is_refused_where_it_is_damaged_or_loaded(int cases)
    {
        byte[] whole = await SavedAsync();
        var host = _fixture.Host();
        var board = host.Do(() => host.Machine.Handover.BuildToRestore());
        StateSection[] sections = [.. board.Sections.Where(section => !section.IsBackEnd)];
        int loaded = 0;
        for (int seed = 0; seed < cases; seed++)
        {
            var random = new Random(seed);
            byte[] stream = Damaged(random, whole);
            try
            {
                Load(random, stream, board, sections);
                loaded++;
            }
            catch (StateException refusal)
            {
                Assert.That(refusal.Message, Is.Not.Empty);
            }
            catch (Exception e)
            {
                Assert.Fail($"seed {seed}: {e}");
            }
        }

        host.Do(board.Dispose);
        Assert.That(loaded, Is.InRange(cases / 100, cases / 2), "pages and values of registers may be any");
    }

    private static void Load(Random random, byte[] stream, Board board, StateSection[] sections)
    {
        using var bytes = new MemoryStream(stream);
        int most = random.Next(3) == 0 ? random.Next(1, 100) : int.MaxValue;
        var input = new StreamInput(buffer => bytes.Read(buffer[..Math.Min(buffer.Length, most)]));
        VmStateReader.ReadStart(input, new StreamConfiguration("microvm"));
        var record = MachineRecord.Read(input);
        new RamReader(input, board.Ram, RamProgress.Of(board.Ram)).Read();
        var reader = new StateReader(new StreamTail(input, MostDeviceBytes).Take);
        var saved = record.HasSavedForms ? new SavedSections(sections) : null;
        VmStateReader.ReadSections(reader, saved?.All ?? sections);
        VmStateReader.SkipDescription(reader);
        saved?.Restore();
    }

    private static byte[] Damaged(Random random, byte[] whole)
    {
        List<byte> stream = [.. whole];
        for (int change = random.Next(1, 4); change > 0; change--)
        {
            int at = random.Next(random.Next(2) == 0 ? Math.Min(stream.Count, 400) : stream.Count);
            switch (random.Next(8))
            {
                case 0:
                    stream.RemoveRange(at, stream.Count - at);
                    stream.Add(0);
                    break;
                case 1:
                    stream.RemoveRange(at, Math.Min(random.Next(1, 20), stream.Count - at));
                    stream.Add(0);
                    break;
                case 2:
                    stream.InsertRange(at, whole[..random.Next(Math.Min(whole.Length, 5000))]);
                    break;
                default:
                    stream[at] = random.Next(2) == 0 ? Spice[random.Next(Spice.Length)] : (byte)random.Next(256);
                    break;
            }
        }

        return [.. stream];
    }

    private async Task<byte[]> SavedAsync()
    {
        var old = _fixture.Host();
        old.Do(old.Machine.PowerOn);
        await old.DoAsync(old.Machine.StopAsync);
        old.Events.Clear();
        string file = _fixture.Files.Path("saved");
        old.Migrate(MigrationTarget.FromUri($"file:{file}"));
        Assert.That(await HandoverFixture.EndOf(old), Is.EqualTo("completed"), old.Report.Error);
        return File.ReadAllBytes(file);
    }
}
