// A vCPU without KVM: a record, and the form that it has in a saved file. What the sections hold is found by their descriptions, as a reader that knows
// no layout finds it.

using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Vmm.Core.State;
using Vmm.Kvm.Cpus;
using Vmm.Kvm.Cpus.Saved;

namespace Vmm.Tests.Unit.Cpus;

internal sealed class SavedVcpu : IStateful
{
    internal static readonly SavedCpuModel Model =
        new() { TscKhz = 2_600_000, PhysicalBits = 48, Ymm = 576, Opmask = 832, ZmmHigh = 896, Zmm16 = 1408, Pkru = 2432 };

    internal KvmCpuState State { get; } = new();

    public StateLayout Layout => KvmCpuState.Layout;

    public void Save(StateWriter writer) => writer.Write(KvmCpuState.Layout, State);

    public void Load(StateReader reader)
    {
        State.ClearSubsections();
        reader.Read(KvmCpuState.Layout, State);
        State.Check();
    }

    public SavedForm? CreateSavedForm(string section, int instance) => new CpuSavedForm(this, instance, Model);

    /// <summary>The record, as a live update sends it.</summary>
    internal byte[] OwnBytes()
    {
        var writer = new StateWriter();
        Save(writer);
        return writer.Written.ToArray();
    }

    /// <summary>The sections of a file, by their names.</summary>
    internal Dictionary<string, byte[]> Sections()
    {
        var form = CreateSavedForm("cpu", 0)!;
        form.Capture();
        return form.Parts.ToDictionary(part => part.Name, Bytes);
    }

    /// <summary>A vCPU that is loaded from a file's sections.</summary>
    internal static SavedVcpu Of(Dictionary<string, byte[]> sections)
    {
        var vcpu = new SavedVcpu();
        var form = vcpu.CreateSavedForm("cpu", 0)!;
        foreach (var part in form.Parts)
        {
            var reader = new StateReader(sections[part.Name]);
            part.Load(reader);
            Assert.That(reader.Remaining, Is.Zero, part.Name);
        }

        form.Restore();
        return vcpu;
    }

    /// <summary>Where each value of a section is, by names such as "env.segs[1].flags" and "cpu/tsc_khz.env.tsc_khz".</summary>
    internal static Dictionary<string, (int At, FieldDescription Field)> Places(string section, byte[] bytes)
    {
        var layout = CpuSavedForm.Layouts.Single(l => l.Name == section);
        var places = new Dictionary<string, (int, FieldDescription)>(StringComparer.Ordinal);
        int at = 0;
        Walk(StateDescriber.Describe(new StateReader(bytes), layout, layout.Version), string.Empty);
        return places;

        void Walk(StateDescription record, string prefix)
        {
            foreach (var field in record.Fields)
            {
                for (int i = 0; i < (field.ArrayLength ?? 1); i++)
                {
                    string name = prefix + field.Name + (field.ArrayLength is null ? string.Empty : $"[{i}]");
                    if (field.Struct is { } inner)
                    {
                        Walk(inner, name + ".");
                        continue;
                    }

                    places[name] = (at, field);
                    at += field.Size;
                }
            }

            foreach (var subsection in record.Subsections)
            {
                at += 2 + subsection.Name.Length + sizeof(uint);
                Walk(subsection, subsection.Name + ".");
            }
        }
    }

    /// <summary>A number of a section.</summary>
    internal static ulong Value(Dictionary<string, byte[]> sections, string section, string name)
    {
        var (at, field) = Places(section, sections[section])[name];
        var wide = new byte[sizeof(ulong)];
        sections[section].AsSpan(at, field.Size).CopyTo(wide.AsSpan(sizeof(ulong) - field.Size));
        return BinaryPrimitives.ReadUInt64BigEndian(wide);
    }

    /// <summary>Changes a number of a section, as a tool would.</summary>
    internal static void Edit(Dictionary<string, byte[]> sections, string section, string name, ulong value)
    {
        var (at, field) = Places(section, sections[section])[name];
        var wide = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(wide, value);
        wide.AsSpan(sizeof(ulong) - field.Size).CopyTo(sections[section].AsSpan(at));
    }

    /// <summary>A structure of the record.</summary>
    internal static ref T As<T>(byte[] bytes)
        where T : unmanaged => ref MemoryMarshal.AsRef<T>(bytes.AsSpan());

    private static byte[] Bytes(SavedPart part)
    {
        var writer = new StateWriter();
        part.Save(writer);
        return writer.Written.ToArray();
    }
}
