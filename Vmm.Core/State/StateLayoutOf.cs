using System.Buffers.Binary;
using System.Collections;

namespace Vmm.Core.State;

/// <summary>The description of the state record <typeparamref name="T"/>, built by a collection initializer.</summary>
/// <typeparam name="T">The plain record that holds the state.</typeparam>
public sealed class StateLayout<T> : StateLayout, IEnumerable<StateField>
    where T : class
{
    private readonly List<StateField> _fields = [];
    private readonly List<Codec> _codecs = [];
    private readonly List<StateLayout> _subsections = [];
    private readonly List<Func<T, bool>> _needed = [];

    /// <summary>Starts a layout.</summary>
    /// <param name="name">The name, unique among layouts.</param>
    /// <param name="version">The version that is written.</param>
    /// <param name="minimumVersion">The oldest version that can be read; 0 means <paramref name="version"/>.</param>
    /// <param name="mayBeAbsent">Whether a released program has the device and sends no state for it.</param>
    public StateLayout(string name, int version, int minimumVersion = 0, bool mayBeAbsent = false)
        : base(name, version, minimumVersion == 0 ? version : minimumVersion, mayBeAbsent)
    {
    }

    private delegate void SaveField(StateWriter writer, T state);

    private delegate void LoadField(StateReader reader, T state);

    /// <inheritdoc/>
    public override IReadOnlyList<StateField> Fields => _fields;

    /// <inheritdoc/>
    public override IReadOnlyList<StateLayout> Subsections => _subsections;

    /// <summary>Adds a byte.</summary>
    public void Add(string name, FieldReference<T, byte> field, int since = 0) => Add(
        new(name, "uint8", 1, since),
        (writer, state) => writer.WriteByte(field(state)),
        (reader, state) => field(state) = reader.ReadByte());

    /// <summary>Adds a 16-bit number.</summary>
    public void Add(string name, FieldReference<T, ushort> field, int since = 0) => Add(
        new(name, "uint16", 2, since),
        (writer, state) => writer.WriteUInt16(field(state)),
        (reader, state) => field(state) = reader.ReadUInt16());

    /// <summary>Adds a 32-bit number.</summary>
    public void Add(string name, FieldReference<T, uint> field, int since = 0) => Add(
        new(name, "uint32", 4, since),
        (writer, state) => writer.WriteUInt32(field(state)),
        (reader, state) => field(state) = reader.ReadUInt32());

    /// <summary>Adds a signed 32-bit number.</summary>
    public void Add(string name, FieldReference<T, int> field, int since = 0) => Add(
        new(name, "int32", 4, since),
        (writer, state) => writer.WriteUInt32((uint)field(state)),
        (reader, state) => field(state) = (int)reader.ReadUInt32());

    /// <summary>Adds a 64-bit number.</summary>
    public void Add(string name, FieldReference<T, ulong> field, int since = 0) => Add(
        new(name, "uint64", 8, since),
        (writer, state) => writer.WriteUInt64(field(state)),
        (reader, state) => field(state) = reader.ReadUInt64());

    /// <summary>Adds a signed 64-bit number.</summary>
    public void Add(string name, FieldReference<T, long> field, int since = 0) => Add(
        new(name, "int64", 8, since),
        (writer, state) => writer.WriteUInt64((ulong)field(state)),
        (reader, state) => field(state) = (long)reader.ReadUInt64());

    /// <summary>Adds a truth value; only 0 and 1 can be read.</summary>
    public void Add(string name, FieldReference<T, bool> field, int since = 0) => Add(
        new(name, "bool", 1, since),
        (writer, state) => writer.WriteByte(field(state) ? (byte)1 : (byte)0),
        (reader, state) => field(state) = reader.ReadByte() switch
        {
            0 => false,
            1 => true,
            var other => throw new StateException($"{Name}.{name}: 0 or 1 expected, {other} found"),
        });

    /// <summary>Adds a run of bytes whose length never changes.</summary>
    /// <param name="name">The field's name.</param>
    /// <param name="field">Where the bytes are.</param>
    /// <param name="size">How many there are, in every record.</param>
    /// <param name="since">The version that brought the field.</param>
    public void Add(string name, FieldBytes<T> field, int size, int since = 0) => Add(
        new(name, "buffer", size, since),
        (writer, state) => writer.WriteBytes(Sized(field(state), name, size)),
        (reader, state) => reader.ReadBytes(size).CopyTo(Sized(field(state), name, size)));

    /// <summary>Adds a subsection: fields that are written only when <paramref name="needed"/> says so.</summary>
    /// <param name="subsection">Its layout over the same record; by custom named "parent/topic".</param>
    /// <param name="needed">Whether a record needs it written.</param>
    public void Add(StateLayout<T> subsection, Func<T, bool> needed)
    {
        ArgumentNullException.ThrowIfNull(subsection);
        _subsections.Add(subsection);
        _needed.Add(needed);
    }

    /// <summary>The fields, in stream order.</summary>
    public IEnumerator<StateField> GetEnumerator() => _fields.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    internal void Save(StateWriter writer, T state)
    {
        foreach (var codec in _codecs)
        {
            codec.Save(writer, state);
        }

        for (int i = 0; i < _subsections.Count; i++)
        {
            if (_needed[i](state))
            {
                writer.WriteByte(SubsectionMark);
                writer.WriteName(_subsections[i].Name);
                writer.WriteUInt32((uint)_subsections[i].Version);
                ((StateLayout<T>)_subsections[i]).Save(writer, state);
            }
        }
    }

    internal void Load(StateReader reader, T state, int version)
    {
        if (version < MinimumVersion || version > Version)
        {
            throw new StateException($"{Name}: version {MinimumVersion} to {Version} expected, {version} found");
        }

        foreach (var codec in _codecs)
        {
            if (codec.Since <= version)
            {
                codec.Load(reader, state);
            }
        }

        int next = 0;
        while (TryReadSubsectionName(reader, out string subsectionName))
        {
            next = _subsections.FindIndex(next, s => s.Name == subsectionName) + 1;
            if (next == 0)
            {
                throw new StateException($"{Name}: unknown, repeated or misplaced subsection '{subsectionName}'");
            }

            ((StateLayout<T>)_subsections[next - 1]).Load(reader, state, checked((int)reader.ReadUInt32()));
        }
    }

    /// <summary>Subsections of an enclosing layout may follow ours, so a name that is none of ours is left unread.</summary>
    private bool TryReadSubsectionName(StateReader reader, out string name)
    {
        name = string.Empty;
        if (_subsections.Count == 0 || reader.PeekByte() != SubsectionMark)
        {
            return false;
        }

        reader.ReadByte();
        name = reader.ReadName();
        return true;
    }

    private void Add(StateField field, SaveField save, LoadField load)
    {
        _fields.Add(field);
        _codecs.Add(new Codec(field.Since, save, load));
    }

    private Span<byte> Sized(Span<byte> bytes, string name, int size) => bytes.Length == size
        ? bytes
        : throw new InvalidOperationException($"{Name}.{name}: the layout says {size} bytes, the record has {bytes.Length}");

    private readonly record struct Codec(int Since, SaveField Save, LoadField Load);
}
