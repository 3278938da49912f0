using System.Collections;

namespace Vmm.Core.State;

/// <summary>The description of the state record <typeparamref name="T"/>, built by a collection initializer.</summary>
/// <typeparam name="T">The plain record that holds the state.</typeparam>
public sealed class StateLayout<T> : StateLayout, IEnumerable<StateField>
    where T : class
{
    private readonly List<StateField> _fields = [];
    private readonly List<FieldCodec<T>> _codecs = [];
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

    /// <inheritdoc/>
    public override IReadOnlyList<StateField> Fields => _fields;

    /// <inheritdoc/>
    public override IReadOnlyList<StateLayout> Subsections => _subsections;

    /// <summary>Adds a byte.</summary>
    public void Add(string name, FieldReference<T, byte> field, int since = 0) => AddScalar(name, ScalarType.UInt8, field, since);

    /// <summary>Adds a 16-bit number.</summary>
    public void Add(string name, FieldReference<T, ushort> field, int since = 0) => AddScalar(name, ScalarType.UInt16, field, since);

    /// <summary>Adds a 32-bit number.</summary>
    public void Add(string name, FieldReference<T, uint> field, int since = 0) => AddScalar(name, ScalarType.UInt32, field, since);

    /// <summary>Adds a signed 32-bit number.</summary>
    public void Add(string name, FieldReference<T, int> field, int since = 0) => AddScalar(name, ScalarType.Int32, field, since);

    /// <summary>Adds a 64-bit number.</summary>
    public void Add(string name, FieldReference<T, ulong> field, int since = 0) => AddScalar(name, ScalarType.UInt64, field, since);

    /// <summary>Adds a signed 64-bit number.</summary>
    public void Add(string name, FieldReference<T, long> field, int since = 0) => AddScalar(name, ScalarType.Int64, field, since);

    /// <summary>Adds a truth value; only 0 and 1 can be read.</summary>
    public void Add(string name, FieldReference<T, bool> field, int since = 0) => AddScalar(name, ScalarType.Bool, field, since);

    /// <summary>Adds a run of bytes whose length never changes.</summary>
    /// <param name="name">The field's name.</param>
    /// <param name="field">Where the bytes are.</param>
    /// <param name="size">How many there are, in every record.</param>
    /// <param name="since">The version that brought the field.</param>
    public void Add(string name, FieldSpan<T, byte> field, int size, int since = 0) =>
        Add(new BufferField<T>(Name, name, since, field, size));

    /// <summary>Adds an array of 16-bit numbers; <paramref name="length"/> is the same in every record.</summary>
    public void Add(string name, FieldSpan<T, ushort> field, int length, int since = 0) =>
        AddArray(name, ScalarType.UInt16, field, length, since);

    /// <summary>Adds an array of 32-bit numbers; <paramref name="length"/> is the same in every record.</summary>
    public void Add(string name, FieldSpan<T, uint> field, int length, int since = 0) =>
        AddArray(name, ScalarType.UInt32, field, length, since);

    /// <summary>Adds an array of 64-bit numbers; <paramref name="length"/> is the same in every record.</summary>
    public void Add(string name, FieldSpan<T, ulong> field, int length, int since = 0) =>
        AddArray(name, ScalarType.UInt64, field, length, since);

    /// <summary>Adds an array of signed 64-bit numbers; <paramref name="length"/> is the same in every record.</summary>
    public void Add(string name, FieldSpan<T, long> field, int length, int since = 0) =>
        AddArray(name, ScalarType.Int64, field, length, since);

    /// <summary>Adds an array of bytes, as many as an earlier field says.</summary>
    /// <param name="name">The field's name.</param>
    /// <param name="field">Where there is room for the most.</param>
    /// <param name="count">The name of the field that holds their number: a uint8, uint16, uint32 or int32.</param>
    /// <param name="maximum">The most there may be; state with more is refused.</param>
    /// <param name="since">The version that brought the field.</param>
    public void Add(string name, FieldSpan<T, byte> field, string count, int maximum, int since = 0) =>
        Add(new ArrayField<T, byte>(Name, name, since, ScalarType.UInt8, field, new(maximum, count), Counter(count, name, since)));

    /// <summary>Adds a time in nanoseconds at which a timer expires; -1 for one that does not run.</summary>
    public void Add(string name, FieldReference<T, long> field, TimerType type, int since = 0)
    {
        ArgumentNullException.ThrowIfNull(type);
        AddScalar(name, ScalarType.Timer, field, since);
    }

    /// <summary>Adds bytes that mean nothing any more.</summary>
    /// <param name="name">The field's name.</param>
    /// <param name="size">How many.</param>
    /// <param name="since">The version that brought the field.</param>
    public void Add(string name, int size, int since = 0) => Add(new UnusedField<T>(name, since, size));

    /// <summary>Adds a field of which only its object knows what is in it.</summary>
    /// <param name="name">The field's name.</param>
    /// <param name="field">Where the object is; it is always there.</param>
    /// <param name="type">What a stream's description calls such a field.</param>
    /// <param name="blank">Makes one that reads what there is, whatever that is, for a description of it.</param>
    /// <param name="since">The version that brought the field.</param>
    public void Add(string name, Func<T, IOpaqueState> field, string type, Func<IOpaqueState> blank, int since = 0) =>
        Add(new OpaqueField<T>(Name, name, since, type, field, blank));

    /// <summary>Adds a record inside the record.</summary>
    /// <param name="name">The field's name.</param>
    /// <param name="field">Where the inner record is; it is always there.</param>
    /// <param name="layout">Its layout.</param>
    /// <param name="since">The version that brought the field.</param>
    /// <param name="versions">Which versions of this layout have which of the inner one; may be left out if that has only one.</param>
    public void Add<TItem>(
        string name, Func<T, TItem> field, StateLayout<TItem> layout, int since = 0, (int Since, int Version)[]? versions = null)
        where TItem : class =>
        Add(new NestedField<T, TItem>(Struct(name, layout, since, versions), Name, layout, field));

    /// <summary>Adds an array of records inside the record.</summary>
    /// <param name="name">The field's name.</param>
    /// <param name="field">Where the inner records are; one that is missing is made when state is loaded.</param>
    /// <param name="layout">The layout of each.</param>
    /// <param name="length">How many there are, in every record.</param>
    /// <param name="since">The version that brought the field.</param>
    /// <param name="versions">Which versions of this layout have which of the inner one; may be left out if that has only one.</param>
    public void Add<TItem>(
        string name,
        FieldReference<T, TItem[]> field,
        StateLayout<TItem> layout,
        int length,
        int since = 0,
        (int Since, int Version)[]? versions = null)
        where TItem : class, new() =>
        Add(new NestedArrayField<T, TItem>(
            Struct(name, layout, since, versions) with { Array = new(length) }, Name, layout, field, count: null));

    /// <summary>Adds an array of records inside the record, as many as an earlier field says.</summary>
    /// <param name="name">The field's name.</param>
    /// <param name="field">Where the inner records are, and maybe more; one that is missing is made when state is loaded.</param>
    /// <param name="layout">The layout of each.</param>
    /// <param name="count">The name of the field that holds their number: a uint8, uint16, uint32 or int32.</param>
    /// <param name="maximum">
    /// The most there may be; state with more is refused. It is a part of the layout, so use the most that the device can ever have.
    /// </param>
    /// <param name="since">The version that brought the field.</param>
    /// <param name="versions">Which versions of this layout have which of the inner one; may be left out if that has only one.</param>
    public void Add<TItem>(
        string name,
        FieldReference<T, TItem[]> field,
        StateLayout<TItem> layout,
        string count,
        int maximum,
        int since = 0,
        (int Since, int Version)[]? versions = null)
        where TItem : class, new() =>
        Add(new NestedArrayField<T, TItem>(
            Struct(name, layout, since, versions) with { Array = new(maximum, count) }, Name, layout, field, Counter(count, name, since)));

    /// <summary>Adds a subsection: fields that are written only when <paramref name="needed"/> says so.</summary>
    /// <param name="subsection">Its layout over the same record; by custom named "parent/topic".</param>
    /// <param name="needed">Whether a record needs it written.</param>
    public void Add(StateLayout<T> subsection, Func<T, bool> needed)
    {
        ArgumentNullException.ThrowIfNull(subsection);
        RequireNew(subsection.SubsectionNames().Prepend(subsection.Name), subsection.Name);
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
                SubsectionHead.Write(writer, _subsections[i]);
                ((StateLayout<T>)_subsections[i]).Save(writer, state);
            }
        }
    }

    /// <summary>Reads a record and its subsections; one that is not of this layout is left to the layout around it.</summary>
    internal void Load(StateReader reader, T state, long version)
    {
        int readable = RequireReadable(version);
        foreach (var codec in _codecs)
        {
            if (codec.Field.Since <= readable)
            {
                codec.Load(reader, state, readable);
            }
        }

        int next = 0;
        for (int i; (i = SubsectionHead.TryRead(reader, _subsections, ref next, out long subversion)) >= 0;)
        {
            ((StateLayout<T>)_subsections[i]).Load(reader, state, subversion);
        }
    }

    private void AddScalar<TValue>(string name, ScalarType<TValue> type, FieldReference<T, TValue> field, int since) =>
        Add(new ScalarField<T, TValue>(Name, name, since, type, field));

    private void AddArray<TValue>(string name, ScalarType<TValue> type, FieldSpan<T, TValue> field, int length, int since) =>
        Add(new ArrayField<T, TValue>(Name, name, since, type, field, new(length)));

    private void Add(FieldCodec<T> codec)
    {
        var field = codec.Field;
        Require(_fields.TrueForAll(other => other.Name != field.Name), field.Name, "there is a field of this name");
        Require(_fields is not [.., { Nested.Layout.HasSubsections: true }], field.Name, "no field may follow one whose layout has subsections");
        Require(field.Array is not { Length: < 1 }, field.Name, "an array has room for one element at least");
        if (field.Nested is { Layout: { HasSubsections: true } nested })
        {
            Require(field.Array is null, field.Name, "an array's element may have no subsections");
            RequireNew(nested.SubsectionNames(), field.Name);
        }

        _fields.Add(field);
        _codecs.Add(codec);
    }

    private StateField Struct(string name, StateLayout layout, int since, (int Since, int Version)[]? versions) =>
        new(name, "struct", 0, since) { Nested = new NestedLayout(layout, $"{Name}.{name}", Math.Max(MinimumVersion, since), Version, versions) };

    private Func<T, long> Counter(string count, string name, int since)
    {
        var codec = _codecs.Find(codec => codec.Field.Name == count);
        bool isCounter = codec?.Count is not null && codec.Field.Since <= since;
        Require(isCounter, name, $"an earlier field '{count}' that counts, as old as this one, is expected");
        return codec!.Count!;
    }

    private void RequireNew(IEnumerable<string> subsections, string what) =>
        Require(!SubsectionNames().Intersect(subsections).Any(), what, "there is a subsection of this name");

    private void Require(bool condition, string what, string why)
    {
        if (!condition)
        {
            throw new InvalidOperationException($"{Name}.{what}: {why}");
        }
    }
}
