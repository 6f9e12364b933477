import '../styles/desk.css';
import { mount } from 'svelte';
import Console from './Console.svelte';

const asked = new URLSearchParams(location.search);
document.documentElement.dataset['theme'] = asked.get('theme') === 'day' ? 'day' : 'dark';

mount(Console, { target: document.body });
